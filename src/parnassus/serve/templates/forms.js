// --- forms by kind of input ------------------------------------------------------------------------------------

const forms = {};

forms.row = (input) => {
  const readers = input.fields.map((f, i) => {
    const id = "f" + i, hint = f.hint ? made("span", { class: "quiet", text: f.hint }) : "";
    const name = made("label", { for: id }, f.name, hint);
    let box, read;
    if (f.kind === "category") {
      const options = f.levels.map((l, k) => made("option", { value: k, text: String(l), selected: l === f.usual }));
      if (!f.required) options.unshift(made("option", { value: "", text: "(missing)" }));
      box = made("select", { id }, ...options);
      read = () => box.value === "" ? null : f.levels[Number(box.value)];
    } else if (f.kind === "boolean") {
      const options = [["true", true], ["false", false]].map(([t, v]) => made("option", { value: t, text: t, selected: v === f.usual }));
      if (!f.required) options.unshift(made("option", { value: "", text: "(missing)" }));
      box = made("select", { id }, ...options);
      read = () => box.value === "" ? null : box.value === "true";
    } else {
      const number = f.kind === "number";
      box = made("input", { id, inputmode: number ? "decimal" : "text", value: f.usual === null ? "" : f.usual, placeholder: f.required ? "" : "missing", autocomplete: "off" });
      read = () => { const t = box.value.trim(); return t === "" ? null : number ? (Number.isFinite(Number(t.replace(",", "."))) ? Number(t.replace(",", ".")) : t) : t; };
    }
    return { name: f.name, box: made("div", {}, name, box), read };
  });
  $("fields").replaceChildren(made("div", { class: "grid" }, ...readers.map((r) => r.box)));
  gather = async () => Object.fromEntries(readers.map((r) => [r.name, r.read()]));
};

forms.text = (input) => {
  const box = made("textarea", { id: "text", spellcheck: false });
  $("fields").replaceChildren(made("label", { for: "text", text: "Text" }), box);
  box.addEventListener("keydown", (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) ask(); });
  forms.example = () => { box.value = input.example || "an example"; };
  gather = async () => { if (!box.value.trim()) throw new Error("Type a text first."); return box.value; };
};
forms.tokens = forms.text;
forms.chain = (input) => { forms.text(input); $("fields").querySelector("label").textContent = "Chain of residues, a letter each"; };

forms.question = (input) => {
  const usual = JSON.parse(input.example || "{}"), boxes = ["question", "context"].map((name) => {
    const box = made("textarea", { id: name, spellcheck: false });
    if (name === "question") box.style.minHeight = "3rem";
    return [name, box];
  });
  $("fields").replaceChildren(...boxes.flatMap(([name, box]) => [made("label", { for: name, text: name === "context" ? "Text that answers it" : "Question" }), box]));
  forms.example = () => { for (const [name, box] of boxes) box.value = usual[name] || "an example"; };
  gather = async () => {
    if (boxes.some(([, box]) => !box.value.trim())) throw new Error("Type a question, and the text that answers it.");
    return Object.fromEntries(boxes.map(([name, box]) => [name, box.value]));
  };
};

forms.sequence = (input) => {
  const box = made("textarea", { id: "text", spellcheck: false, placeholder: "[[0.1, 0.2], [0.3, 0.4]]" });
  $("fields").replaceChildren(made("label", { for: "text", text: "Steps, as JSON" }), box);
  forms.example = () => { box.value = input.example; };
  gather = async () => { try { return JSON.parse(box.value); } catch { throw new Error("This is no JSON: an array of steps is due."); } };
};

forms.options = (input) => {
  const readers = Object.entries(input.options).map(([name, s], i) => {
    const id = "o" + i, usual = input.usual[name], long = name === "prompt" || s.type === "array";
    let box;
    if (s.enum) box = made("select", { id }, ...s.enum.map((v, k) => made("option", { value: k, text: String(v) })));
    else if (long && name !== "quantiles") { box = made("textarea", { id, spellcheck: false }); box.value = Array.isArray(usual) ? usual.map(shown).join(", ") : usual ?? ""; }
    else box = made("input", { id, value: usual ?? "", autocomplete: "off", placeholder: name === "quantiles" ? "0.1, 0.9" : "default" });
    const hint = name === "history" ? "numbers, oldest first" + (schema.task === "forecaster" ? "; empty goes on from the series of training" : "") : "";
    const read = () => {
      if (s.enum) return s.enum[Number(box.value)];
      const t = box.value.trim();
      if (name === "prompt" || (s.type === "string")) return box.value;
      if (t === "") return null;
      return s.type === "array" ? t.split(/[\s,;]+/).filter(Boolean).map(Number) : Number(t);
    };
    return { name, box: made("div", { style: long && name !== "quantiles" ? "grid-column:1/-1" : "" }, made("label", { for: id }, name.replace("_", " "), made("span", { class: "quiet", text: hint })), box), read };
  });
  $("fields").replaceChildren(made("div", { class: "grid" }, ...readers.map((r) => r.box)));
  gather = async () => Object.fromEntries(readers.map((r) => [r.name, r.read()]).filter(([, v]) => v !== null));
};
forms.prompt = forms.draw = forms.series = forms.options;

function drop(accept, words, preview) {
  const input = made("input", { type: "file", accept, id: "file" }), seen = made("div");
  const area = made("div", { class: "drop" }, made("label", { for: "file", text: words }), input, seen);
  const state = { file: null, area, set: (file) => { state.file = file; seen.replaceChildren(...(file ? [preview(file)] : [])); } };
  input.addEventListener("change", () => { if (input.files[0]) { state.set(input.files[0]); ask(); } });
  area.addEventListener("dragover", (e) => { e.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (e) => { e.preventDefault(); area.classList.remove("over"); if (e.dataTransfer.files[0]) { state.set(e.dataTransfer.files[0]); ask(); } });
  return state;
}

function choices(parameters, changed) {
  const boxes = Object.entries(parameters).filter(([, s]) => s.enum.length > 1).map(([name, s]) => {
    const options = s.enum.map((v) => made("option", { value: v, text: v, selected: v === s.default }));
    return [name, made("select", { id: name, onchange: changed }, ...options), s.description];
  });
  if (boxes.length) beside = () => "?" + new URLSearchParams(boxes.map(([name, box]) => [name, box.value]));
  return boxes.map(([name, box, words]) => made("div", { class: "choice" }, made("label", { for: name }, name, made("span", { class: "quiet", text: words })), box));
}

forms.picture = (input) => {
  const state = drop("image/*", "Drop a picture here, or choose one", (file) => made("img", { src: URL.createObjectURL(file), alt: "the picture to be looked at" }));
  const parts = [...choices(input.parameters || {}, () => { if (state.file) ask(); }), state.area];
  gather = async () => { if (!state.file) throw new Error("Choose a picture first."); return state.file; };
  if (input.channels === 1 && input.height <= 64) {
    const pad = drawing(input, (blob) => { state.set(null); state.file = blob; ask(); });
    parts.push(made("h3", { text: "Or draw" }), pad.canvas);
    $("extra").replaceChildren(made("button", { type: "button", text: "Clear", onclick: () => { pad.clear(); state.set(null); } }));
    forms.example = pad.example;
  } else forms.example = () => {
    const canvas = made("canvas", { width: input.width, height: input.height }), pen = canvas.getContext("2d");
    const shade = pen.createLinearGradient(0, 0, input.width, input.height); shade.addColorStop(0, "#223"); shade.addColorStop(1, "#eda");
    pen.fillStyle = shade; pen.fillRect(0, 0, input.width, input.height);
    canvas.toBlob((blob) => { state.set(blob); ask(); }, "image/png");
    return true;
  };
  $("fields").replaceChildren(...parts);
};

function drawing(input, done) {
  const S = 280, canvas = made("canvas", { class: "pad", width: S, height: S, tabindex: 0, role: "img", "aria-label": "a pad to draw on with mouse, pen or finger" });
  const pen = canvas.getContext("2d", { willReadFrequently: true }), [paper, ink] = input.dark ? ["#000", "#fff"] : ["#fff", "#000"];
  let at = null;
  const clear = () => { pen.fillStyle = paper; pen.fillRect(0, 0, S, S); };
  const place = (e) => { const r = canvas.getBoundingClientRect(); return [(e.clientX - r.left) * S / r.width, (e.clientY - r.top) * S / r.height]; };
  const stroke = (a, b) => { pen.strokeStyle = ink; pen.lineWidth = S / 11; pen.lineCap = pen.lineJoin = "round"; pen.beginPath(); pen.moveTo(...a); pen.lineTo(...b); pen.stroke(); };
  const finish = () => {
    const data = pen.getImageData(0, 0, S, S).data, on = (x, y) => (data[4 * (y * S + x)] > 127) === Boolean(input.dark);
    let [x1, y1, x2, y2] = [S, S, 0, 0];
    for (let y = 0; y < S; y++) for (let x = 0; x < S; x++) if (on(x, y)) { x1 = Math.min(x1, x); x2 = Math.max(x2, x); y1 = Math.min(y1, y); y2 = Math.max(y2, y); }
    if (x2 < x1) return;
    const side = Math.max(x2 - x1, y2 - y1) * (input.height <= 12 ? 1.06 : 1.4), fitted = made("canvas", { width: S, height: S });
    const out = fitted.getContext("2d"); out.fillStyle = paper; out.fillRect(0, 0, S, S); out.imageSmoothingQuality = "high";
    out.drawImage(canvas, (x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side, side, 0, 0, S, S);
    fitted.toBlob((blob) => done(blob), "image/png");
  };
  canvas.addEventListener("pointerdown", (e) => { canvas.setPointerCapture(e.pointerId); at = place(e); stroke(at, at); });
  canvas.addEventListener("pointermove", (e) => { if (at) { const to = place(e); stroke(at, to); at = to; } });
  canvas.addEventListener("pointerup", () => { at = null; finish(); });
  clear();
  const example = () => { clear(); let a = null; for (let t = 0; t <= 40; t++) { const u = t / 40 * 2 * Math.PI, b = [S / 2 + 55 * Math.cos(u), S / 2 + 88 * Math.sin(u)]; if (a) stroke(a, b); a = b; } finish(); return true; };
  return { canvas, clear, example };
}

forms.sound = () => {
  const state = drop("audio/*", "Drop a sound here, or choose one", (file) => made("audio", { controls: true, src: URL.createObjectURL(file) }));
  gather = async () => { if (!state.file) throw new Error("Choose or record a sound first."); return state.file; };
  $("fields").replaceChildren(state.area);
  if (!navigator.mediaDevices || !window.MediaRecorder) return;
  let recorder = null;
  const button = made("button", { type: "button", text: "Record", onclick: async () => {
    if (recorder) { recorder.stop(); return; }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } }), parts = [];
      recorder = new MediaRecorder(stream);
      recorder.ondataavailable = (e) => parts.push(e.data);
      recorder.onstop = async () => {
        stream.getTracks().forEach((t) => t.stop()); recorder = null; button.textContent = "Record";
        state.set(await asWav(new Blob(parts))); ask();
      };
      recorder.start(); button.textContent = "Stop";
    } catch (error) { $("answer").replaceChildren(made("p", { class: "error", role: "alert", text: "No microphone: " + error.message })); }
  } });
  $("extra").replaceChildren(button);
};

forms.video = () => {
  const state = drop("video/*,.avi,.mkv", "Drop a video here, or choose one", (file) => made("video", { controls: true, muted: true, src: URL.createObjectURL(file) }));
  gather = async () => { if (!state.file) throw new Error("Choose a video first."); return state.file; };
  $("fields").replaceChildren(state.area);
};

async function asWav(blob) {
  const context = new AudioContext(), sound = await context.decodeAudioData(await blob.arrayBuffer()), y = sound.getChannelData(0);
  context.close();
  const view = new DataView(new ArrayBuffer(44 + 2 * y.length)), text = (at, s) => [...s].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * y.length, true); text(8, "WAVEfmt "); view.setUint32(16, 16, true); view.setUint16(20, 1, true);
  view.setUint16(22, 1, true); view.setUint32(24, sound.sampleRate, true); view.setUint32(28, 2 * sound.sampleRate, true); view.setUint16(32, 2, true);
  view.setUint16(34, 16, true); text(36, "data"); view.setUint32(40, 2 * y.length, true);
  y.forEach((v, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, v)) * 32767, true));
  return new Blob([view], { type: "audio/wav" });
}

