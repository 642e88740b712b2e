"use strict";
const $ = (id) => document.getElementById(id);
const made = (tag, attributes = {}, ...children) => {
  const one = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) {
    if (k === "text") one.textContent = v; else if (k.startsWith("on")) one.addEventListener(k.slice(2), v);
    else if (v !== false && v !== null && v !== undefined) one.setAttribute(k, v === true ? "" : v);
  }
  one.append(...children);
  return one;
};
const drawn = (tag, attributes, text) => {
  const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) one.setAttribute(k, v);
  if (text) one.textContent = text;
  return one;
};
const shown = (x) => typeof x === "number" ? x !== 0 && Math.abs(x) < 1e-3 ? x.toExponential(1) : String(Number(x.toPrecision(5))) : x === null ? "none" : typeof x === "object" ? JSON.stringify(x) : String(x);
const percent = (p) => (100 * p).toFixed(p > 0.0995 && p < 0.9995 ? 1 : 2) + " %";
let schema = null, gather = null, asked = 0;

// --- asking ----------------------------------------------------------------------------------------------------

function headers(more = {}) {
  const token = sessionStorage.getItem("token");
  return token ? { ...more, Authorization: "Bearer " + token } : more;
}

async function send(path, content) {
  const json = !(content instanceof Blob);
  const options = content === undefined ? { headers: headers() } : {
    method: "POST", headers: headers({ "Content-Type": json ? "application/json" : content.type || "application/octet-stream" }),
    body: json ? JSON.stringify({ inputs: [content] }) : content };
  let response;
  try { response = await fetch(path, options); } catch { throw new Error("The server does not answer; is it still running?"); }
  const said = await response.json().catch(() => ({}));
  if (response.status === 401) { askForToken(); throw new Error("This server asks for its token."); }
  if (!response.ok) throw new Error(said.error ? said.error.message : "The server answered " + response.status);
  return said;
}

function askForToken() {
  const box = made("input", { type: "password", autocomplete: "off", id: "token" });
  $("fields").replaceChildren(made("label", { text: "Token", for: "token" }), box);
  gather = async () => { sessionStorage.setItem("token", box.value.trim()); begin(); return undefined; };
  $("go").textContent = "Open"; $("extra").replaceChildren(); box.focus();
}

async function ask(event) {
  if (event) event.preventDefault();
  const turn = ++asked;
  $("go").disabled = true; $("why").replaceChildren();
  try {
    const content = await gather();
    if (content === undefined) return;
    const said = await send("/predict", content);
    if (turn !== asked) return;
    show(said.answers[0], content);
    if (schema.explains) explain(content, turn);
  } catch (error) {
    $("answer").replaceChildren(made("p", { class: "error", role: "alert", text: error.message }));
  } finally { $("go").disabled = false; }
}

// --- answers ---------------------------------------------------------------------------------------------------

const bar = (name, share, number, first) => made("li", { class: first ? "first" : "" },
  made("span", { class: "name", text: name, title: name }),
  made("span", { class: "track" }, made("span", { style: `left:0;width:${Math.max(0, Math.min(1, share)) * 100}%` })),
  made("span", { class: "number", text: number }));

function bars(items) { return made("ul", { class: "bars" }, ...items); }

function show(answer, content) {
  const parts = [];
  if ("label" in answer) parts.push(made("p", { class: "big", text: shown(answer.label) }));
  if ("labels" in answer) parts.push(made("p", { class: "big", text: answer.labels.map(shown).join(", ") || "none" }));
  if ("value" in answer) parts.push(made("p", { class: "big", text: [answer.value].flat().map(shown).join(", ") }));
  if ("interval" in answer) parts.push(made("p", { class: "quiet", text: `interval${answer.level ? " (" + percent(answer.level) + ")" : ""}: ` + [answer.interval].flat(2).map(shown).join(" to ") }));
  if ("set" in answer) parts.push(made("p", { class: "quiet", text: `with ${percent(answer.level)}: ` + answer.set.map(shown).join(", ") }));
  if ("group" in answer) parts.push(made("p", { class: "big", text: "Group " + answer.group }));
  if ("log_density" in answer) parts.push(made("p", { class: "big", text: "ln p = " + shown(answer.log_density) }));
  if ("probabilities" in answer) parts.push(bars(answer.probabilities.slice(0, 12).map((p, i) => bar(shown(p.label), p.probability, percent(p.probability), i === 0))));
  if ("text" in answer) parts.push(made("p", { class: "prose", text: answer.text || "(nothing)" }));
  if ("tags" in answer) parts.push(made("div", { class: "tags" }, ...answer.tags.map((t) => made("span", { text: t.token }, made("b", { text: t.tag })))));
  if ("vector" in answer) parts.push(made("p", { class: "quiet", text: answer.vector.length + " numbers" }), made("pre", { tabindex: 0, text: answer.vector.map(shown).join("  ") }));
  if ("boxes" in answer) parts.push(boxes(answer, content));
  if ("mask" in answer) parts.push(made("p", { class: "quiet", text: "Share of the picture" }), bars(answer.classes.map((c, i) => bar(shown(c.label), c.share, percent(c.share), false))), mask(answer.mask));
  if ("samples" in answer) parts.push(samples(answer.samples));
  if ("forecast" in answer) parts.push(forecast(answer, content));
  if ("scores" in answer) parts.push(made("p", { class: "big", text: answer.odd.length + " odd steps of " + answer.scores.length }),
    line([{ y: content.history }], answer.odd.map((i) => [i, content.history[i]])), made("p", { class: "quiet", text: "The score of each step, and the threshold" }), line([{ y: answer.scores }], answer.odd.map((i) => [i, answer.scores[i]]), answer.threshold));
  $("answer").replaceChildren(...parts);
}

function samples(rows) {
  if (rows.length && rows[0].picture) return made("div", { class: "gallery" }, ...rows.map((r, i) => made("img", { src: r.picture, alt: "sample " + (i + 1) })));
  return made("pre", { tabindex: 0, text: rows.map((r) => JSON.stringify(r)).join("\n") });
}

function boxes(answer, content) {
  const canvas = made("canvas", { width: answer.width, height: answer.height, class: "shown", role: "img", "aria-label": answer.boxes.length + " boxes found" });
  const pen = canvas.getContext("2d"), image = new Image(), url = URL.createObjectURL(content);
  image.onload = () => {
    pen.drawImage(image, 0, 0, answer.width, answer.height);
    pen.lineWidth = Math.max(1, answer.width / 250); pen.font = `${Math.max(9, answer.width / 32)}px sans-serif`;
    for (const b of answer.boxes) {
      const [x1, y1, x2, y2] = b.box;
      pen.strokeStyle = pen.fillStyle = "#e4572e"; pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
      pen.fillText(`${shown(b.label)} ${b.score.toFixed(2)}`, x1 + 2, Math.max(y1 - 3, 10));
      for (const [x, y] of b.points || []) { pen.beginPath(); pen.arc(x, y, pen.lineWidth * 2, 0, 7); pen.fillStyle = "#2ec4b6"; pen.fill(); }
      if (b.mask) laid(pen, b.mask);
    }
    URL.revokeObjectURL(url);
  };
  image.src = url;
  return made("div", {}, canvas, bars(answer.boxes.slice(0, 12).map((b) => bar(shown(b.label), b.score, percent(b.score), false))));
}

function laid(pen, url) {
  const image = new Image();
  image.onload = () => {
    const sheet = made("canvas", { width: image.width, height: image.height }), over = sheet.getContext("2d");
    over.drawImage(image, 0, 0);
    const data = over.getImageData(0, 0, image.width, image.height);
    for (let i = 0; i < data.data.length; i += 4) data.data.set([228, 87, 46, data.data[i] ? 110 : 0], i);
    over.putImageData(data, 0, 0);
    pen.drawImage(sheet, 0, 0);
  };
  image.src = url;
}

function mask(url) {
  const canvas = made("canvas", { class: "shown", role: "img", "aria-label": "the class of each pixel" }), image = new Image();
  image.onload = () => {
    canvas.width = image.width; canvas.height = image.height;
    const pen = canvas.getContext("2d"); pen.drawImage(image, 0, 0);
    const data = pen.getImageData(0, 0, image.width, image.height);
    for (let i = 0; i < data.data.length; i += 4) {
      const k = data.data[i], hue = (k * 137.5) % 360 / 60, x = 1 - Math.abs(hue % 2 - 1);
      const rgb = [[1, x, 0], [x, 1, 0], [0, 1, x], [0, x, 1], [x, 0, 1], [1, 0, x]][Math.floor(hue)];
      for (let c = 0; c < 3; c++) data.data[i + c] = k === 0 ? 40 : 60 + 170 * rgb[c];
    }
    pen.putImageData(data, 0, 0);
  };
  image.src = url;
  return made("div", { style: "margin-top:1rem" }, canvas);
}

function line(parts, dots = [], threshold = null) {
  const W = 560, H = 220, all = parts.flatMap((p) => p.y).filter((v) => v !== null);
  if (threshold !== null) all.push(threshold);
  const low = Math.min(...all), high = Math.max(...all), total = Math.max(...parts.map((p) => (p.from || 0) + p.y.length)) - 1 || 1;
  const X = (i) => 68 + (W - 80) * i / total, Y = (v) => H - 14 - (H - 28) * (v - low) / (high - low || 1);
  const svg = drawn("svg", { viewBox: `0 0 ${W} ${H}`, class: "line", role: "img", "aria-label": "the series as a line" });
  const add = (...given) => svg.append(drawn(...given));
  for (const p of parts) {
    let d = "", pen = false;
    p.y.forEach((v, i) => { if (v === null) { pen = false; return; } d += `${pen ? "L" : "M"}${X(i + (p.from || 0)).toFixed(1)} ${Y(v).toFixed(1)}`; pen = true; });
    add("path", { d, class: p.ahead ? "ahead" : "", "stroke-dasharray": p.dashed ? "4 4" : "none" });
  }
  if (threshold !== null) add("path", { d: `M68 ${Y(threshold)}L${W - 12} ${Y(threshold)}`, "stroke-dasharray": "4 4" });
  for (const [i, v] of dots) if (v !== null) add("circle", { cx: X(i), cy: Y(v), r: 3 });
  add("text", { x: 0, y: Y(high) + 4 }, shown(high)); add("text", { x: 0, y: Y(low) + 4 }, shown(low));
  return svg;
}

function forecast(answer, content) {
  if (!answer.forecast.every((v) => typeof v === "number")) return samples(answer.forecast);
  const past = (content.history || []).slice(-3 * answer.forecast.length - 20), from = past.length;
  const bridge = past.length ? [past[past.length - 1]] : [], begin = past.length ? from - 1 : 0;
  const parts = [{ y: past }, { y: [...bridge, ...answer.forecast], from: begin, ahead: true }];
  for (const y of Object.values(answer.quantiles || {})) if (Array.isArray(y) && y.every((v) => typeof v === "number")) parts.push({ y: [...bridge, ...y], from: begin, dashed: true });
  return made("div", {}, line(parts.filter((p) => p.y.length)), made("pre", { tabindex: 0, text: answer.forecast.map(shown).join("\n") }));
}

// --- explanations ----------------------------------------------------------------------------------------------

async function explain(content, turn) {
  let found;
  try { found = (await send("/explain", content)).explanation; } catch { return; }
  if (turn !== asked) return;
  const head = [made("h3", { text: "Why" })];
  if (found.picture) {
    $("why").replaceChildren(...head, made("img", { class: "shown pixels", src: found.picture, alt: "where the picture speaks for the answer" }),
      made("p", { class: "quiet", text: `Red speaks for ${found.of}, blue against it: how it changes with ${found.beside}.` }));
    return;
  }
  if (found.wave) {
    if (found.parts.some((p) => p.effect)) $("why").replaceChildren(...head, moments(found),
      made("p", { class: "quiet", text: `What each moment adds to ${found.of}, beside ${found.beside}: green for, red against.` }));
    return;
  }
  const parts = (found.parts || []).slice(0, schema.input.kind === "text" ? 60 : 10), most = Math.max(1e-12, ...parts.map((p) => Math.abs(p.effect)));
  if (!parts.some((p) => p.effect)) return;
  const note = made("p", { class: "quiet", text: `What each adds to ${found.of}, beside ${found.beside}: green for, red against.` });
  if (schema.input.kind === "text") {
    const words = parts.map((p) => made("mark", { text: p.part, title: shown(p.effect),
      style: `background:color-mix(in srgb, var(${p.effect >= 0 ? "--for" : "--against"}) ${Math.round(60 * Math.abs(p.effect) / most)}%, transparent)` }));
    $("why").replaceChildren(...head, made("p", { class: "words" }, ...words.flatMap((w) => [w, " "])), note);
    return;
  }
  $("why").replaceChildren(...head, bars(parts.map((p) => {
    const w = 50 * Math.abs(p.effect) / most;
    return made("li", {}, made("span", { class: "name", text: p.part, title: p.part }),
      made("span", { class: "track" }, made("span", { class: p.effect >= 0 ? "for" : "against", style: `width:${w}%;left:${p.effect >= 0 ? 50 : 50 - w}%` })),
      made("span", { class: "number", text: (p.effect >= 0 ? "+" : "") + shown(Number(p.effect.toPrecision(3))) }));
  })), note);
}

function moments(found) {
  const W = 560, H = 120, end = found.parts[found.parts.length - 1].to, least = found.of.startsWith("the probability") ? 0.05 : 1e-12;
  const most = Math.max(least, ...found.parts.map((p) => Math.abs(p.effect)));
  const X = (t) => W * t / end, n = found.wave.length, middle = (H - 16) / 2;
  const svg = drawn("svg", { viewBox: `0 0 ${W} ${H}`, class: "line", role: "img", "aria-label": "the wave, and what each moment of it adds" });
  for (const p of found.parts) {
    const box = drawn("rect", { x: X(p.from), y: 0, width: X(p.to) - X(p.from), height: H - 16, class: p.effect >= 0 ? "for" : "against", "fill-opacity": 0.65 * Math.abs(p.effect) / most });
    box.append(drawn("title", {}, `${p.part}: ${shown(p.effect)}`));
    svg.append(box);
  }
  const edge = (sign) => found.wave.map((v, i) => `${(W * (i + 0.5) / n).toFixed(1)} ${(middle - sign * v * middle).toFixed(1)}`);
  svg.append(drawn("path", { d: "M" + [...edge(1), ...edge(-1).reverse()].join("L") + "Z", class: "wave" }),
    drawn("text", { x: 0, y: H - 2 }, "0 s"), drawn("text", { x: W, y: H - 2, "text-anchor": "end" }, shown(Number(end.toFixed(2))) + " s"));
  return svg;
}

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

forms.sequence = () => {
  const box = made("textarea", { id: "text", spellcheck: false, placeholder: "[[0.1, 0.2], [0.3, 0.4]]" });
  $("fields").replaceChildren(made("label", { for: "text", text: "Steps, as JSON" }), box);
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

forms.picture = (input) => {
  const state = drop("image/*", "Drop a picture here, or choose one", (file) => made("img", { src: URL.createObjectURL(file), alt: "the picture to be looked at" }));
  const parts = [state.area];
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

// --- begin -----------------------------------------------------------------------------------------------------

async function begin() {
  try { schema = await send("/schema"); } catch (error) {
    $("answer").replaceChildren(made("p", { class: "error", role: "alert", text: error.message })); return;
  }
  const task = schema.task.replaceAll("_", " ");
  $("name").textContent = document.title = task[0].toUpperCase() + task.slice(1);
  $("about").textContent = `Model ${schema.model}, version ${schema.version}`;
  $("go").textContent = schema.input.kind === "draw" ? "Draw" : schema.input.kind === "prompt" ? "Write" : "Answer";
  $("answer").replaceChildren(made("p", { class: "quiet", text: "The answer appears here." }));
  forms.example = () => false;
  forms[schema.input.kind](schema.input);
  if (new URLSearchParams(location.search).get("example") && !forms.example()) ask();
}
$("form").addEventListener("submit", ask);
begin();
