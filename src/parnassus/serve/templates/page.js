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
let schema = null, gather = null, asked = 0, beside = () => "";

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
    const said = await send("/predict" + beside(), content);
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
  if ("tags" in answer) parts.push(made("div", { class: "tags" }, ...answer.tags.map((t) => made("span", { text: shown(t.token ?? t.step) }, made("b", { text: shown(t.tag) })))));
  if ("states" in answer) parts.push(made("div", { class: "tags" }, ...answer.states.map((k, i) => made("span", { text: i }, made("b", { text: shown(k) })))), made("p", { class: "quiet", text: "The state of each step; ln p = " + shown(answer.log_prob) }));
  if ("contacts" in answer) parts.push(...contacts(answer));
  if ("answers" in answer) parts.push(spans(answer.answers, content));
  if ("points" in answer) parts.push(pointed(answer.points, content));
  if ("vector" in answer) parts.push(made("p", { class: "quiet", text: answer.vector.length + " numbers" }), made("pre", { tabindex: 0, text: answer.vector.map(shown).join("  ") }));
  if ("boxes" in answer) parts.push(boxes(answer, content));
  if ("mask" in answer) parts.push(made("p", { class: "quiet", text: "Share of the picture" }), bars(answer.classes.map((c, i) => bar(shown(c.label), c.share, percent(c.share), false))), mask(answer.mask));
  if ("samples" in answer) parts.push(samples(answer.samples));
  if ("forecast" in answer) parts.push(forecast(answer, content));
  if ("scores" in answer) parts.push(made("p", { class: "big", text: answer.odd.length + " odd steps of " + answer.scores.length }),
    line([{ y: content.history }], answer.odd.map((i) => [i, content.history[i]])), made("p", { class: "quiet", text: "The score of each step, and the threshold" }), line([{ y: answer.scores }], answer.odd.map((i) => [i, answer.scores[i]]), answer.threshold));
  if ("picture" in answer) parts.push(made("p", { class: "big", text: "Made into " + answer.to }), pair(content, answer.picture, "the picture made of it"));
  if ("score" in answer) parts.push(...rebuilt(answer, content));
  $("answer").replaceChildren(...parts);
}

function contacts(answer) {
  const canvas = made("canvas", { class: "shown pixels map", role: "img", "aria-label": "the probability that two residues touch" }), image = new Image();
  image.onload = () => {
    const n = canvas.width = canvas.height = image.width, pen = canvas.getContext("2d"); pen.drawImage(image, 0, 0);
    const data = pen.getImageData(0, 0, n, n);
    for (let i = 0; i < data.data.length; i += 4) data.data.set([36, 89, 196, data.data[i]], i);
    pen.putImageData(data, 0, 0);
  };
  image.src = answer.map;
  const name = (c) => `${c.pair[0]}${c.i + 1} and ${c.pair[1]}${c.j + 1}`;
  return [made("p", { class: "big", text: answer.contacts.length ? "The likeliest contacts" : "No pair is far enough apart" }),
    bars(answer.contacts.slice(0, 12).map((c, i) => bar(name(c), c.probability, percent(c.probability), i === 0))),
    made("p", { class: "quiet", text: "The map of all pairs, the first residue at the top and at the left, counted from 1 here" }), canvas];
}

function pair(content, picture, words) {
  const url = URL.createObjectURL(content);
  return made("div", { class: "gallery" }, made("img", { src: url, alt: "the picture that was sent", class: "pixels", onload: () => URL.revokeObjectURL(url) }), made("img", { src: picture, alt: words, class: "pixels" }));
}

function rebuilt(answer, content) {
  const made_of = answer.reconstruction, filled = answer.filled || {}, parts = [
    made("p", { class: "big", text: answer.odd ? "Odd" : "Not odd" }),
    made("p", { class: "quiet", text: `Score ${shown(answer.score)}; above ${shown(answer.threshold)} a ${schema.input.kind} is odd` })];
  const sent = schema.input.kind, said = made("h3", { text: "Rebuilt from its code" });
  if (sent === "picture") {
    parts.push(said, pair(content, made_of.picture, "the picture rebuilt from its code"));
  } else if (sent === "video") {
    parts.push(said, samples([made_of]));
  } else if (sent === "row") {
    const rows = Object.entries(content).map(([name, value], i) => ({ column: name, sent: value === null ? "missing" : value, ...(answer.filled && Object.keys(filled).length ? { filled: name in filled ? filled[name] : "" } : {}), rebuilt: Array.isArray(made_of) ? made_of[i] : made_of[name] }));
    parts.push(said, samples(rows));
  } else if (sent === "sequence" && Array.isArray(content[0])) {
    parts.push(said, ...content[0].map((_, j) => line([{ y: content.map((step) => step[j]), dashed: true }, { y: made_of.map((step) => step[j]), ahead: true }])));
  } else if (made_of !== undefined) parts.push(said, made("p", { class: "prose", text: typeof made_of === "string" ? made_of || "(nothing)" : JSON.stringify(made_of) }));
  const code = answer.code.flat(9);
  parts.push(made("h3", { text: `Code of ${code.length} numbers` }), made("pre", { tabindex: 0, text: code.map(shown).join("  ") }));
  return parts;
}

function samples(rows) {
  if (rows.length && rows[0].pictures) return made("div", {}, ...rows.map((r) => samples(r.pictures.map((picture) => ({ picture })))));
  if (rows.length && rows[0].picture) return made("div", { class: "gallery" }, ...rows.map((r, i) => made("img", { src: r.picture, alt: "sample " + (i + 1) })));
  if (!rows.length || rows.some((r) => r === null || typeof r !== "object" || Array.isArray(r))) return made("pre", { tabindex: 0, text: rows.map((r) => JSON.stringify(r)).join("\n") });
  const names = Object.keys(rows[0]), cells = (r) => names.map((n) => made("td", { text: shown(r[n]).replace(/T00:00:00$/, "") }));
  return made("div", { class: "wide", tabindex: 0 }, made("table", {}, made("thead", {}, made("tr", {}, ...names.map((n) => made("th", { text: n })))),
    made("tbody", {}, ...rows.map((r) => made("tr", {}, ...cells(r))))));
}

function spans(found, content) {
  if (!found.length) return made("p", { class: "big", text: "(nothing)" });
  const best = found[0], text = [...content.context], end = best.start + [...best.text].length, part = (a, b) => text.slice(a, b).join("");
  return made("div", {}, made("p", { class: "big", text: best.text || "(nothing)" }), bars(found.map((f, i) => bar(f.text || "(nothing)", f.probability, percent(f.probability), i === 0))),
    made("p", { class: "prose" }, part(0, best.start), made("mark", { text: part(best.start, end) }), part(end)));
}

function pointed(points, content) {
  const canvas = made("canvas", { class: "shown small", role: "img", "aria-label": points.length + " points found" }), image = new Image(), url = URL.createObjectURL(content);
  image.onload = () => {
    canvas.width = image.width; canvas.height = image.height;
    const pen = canvas.getContext("2d"), r = Math.max(1, image.width / 80); pen.drawImage(image, 0, 0);
    pen.font = `${Math.max(6, image.width / 24)}px sans-serif`; pen.fillStyle = "#e4572e";
    points.forEach((p, i) => { pen.beginPath(); pen.arc(p.x, p.y, r, 0, 7); pen.fill(); pen.fillText(String(i), p.x + r + 1, p.y); });
    URL.revokeObjectURL(url);
  };
  image.src = url;
  return made("div", {}, canvas, samples(points));
}

function boxes(answer, content) {
  const canvas = made("canvas", { width: answer.width, height: answer.height, class: "shown small", role: "img", "aria-label": answer.boxes.length + " boxes found" });
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
  const canvas = made("canvas", { class: "shown small", role: "img", "aria-label": "the class of each pixel" }), image = new Image();
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
  if (!answer.forecast.every((v) => typeof v === "number")) return forecastOfFrame(answer.forecast, answer.quantiles);
  const past = (content.history || []).slice(-3 * answer.forecast.length - 20), from = past.length;
  const bridge = past.length ? [past[past.length - 1]] : [], begin = past.length ? from - 1 : 0;
  const parts = [{ y: past }, { y: [...bridge, ...answer.forecast], from: begin, ahead: true }];
  for (const y of Object.values(answer.quantiles || {})) if (Array.isArray(y) && y.every((v) => typeof v === "number")) parts.push({ y: [...bridge, ...y], from: begin, dashed: true });
  return made("div", {}, line(parts.filter((p) => p.y.length)), made("pre", { tabindex: 0, text: answer.forecast.map(shown).join("\n") }));
}

function forecastOfFrame(rows, quantiles) {
  const table = samples(Array.isArray(quantiles) && quantiles.length ? quantiles : rows), names = Object.keys(rows[0] || {});
  const words = names.filter((n) => typeof rows[0][n] === "string"), numbers = names.filter((n) => rows.every((r) => typeof r[n] === "number"));
  const single = new Set(rows.map((r) => r[words[0]])).size === rows.length;  // a step a row, and no second series
  return made("div", {}, ...(single ? numbers.flatMap((n) => [made("h3", { text: n }), line([{ y: rows.map((r) => r[n]), ahead: true }])]) : []), table);
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

/*FORMS*/

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
