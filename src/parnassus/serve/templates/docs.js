"use strict";
const made = (tag, attributes = {}, ...children) => {
  const one = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) if (k === "text") one.textContent = v; else one.setAttribute(k, v);
  one.append(...children);
  return one;
};
const code = (text) => made("pre", { tabindex: 0, text });

function curl(path, verb, operation, token) {
  const head = token ? " -H 'Authorization: Bearer TOKEN'" : "", asked = (operation.parameters || []).map((p) => `${p.name}=${p.schema.default}`).join("&");
  const url = asked ? `'${location.origin}${path}?${asked}'` : location.origin + path;
  if (verb !== "post") return `curl${head} ${url}`;
  const kind = Object.keys(operation.requestBody.content)[0];
  return kind === "application/json" ? `curl${head} -H 'Content-Type: application/json' -d '{"inputs": [...]}' ${url}` : `curl${head} -F file=@FILE ${url}`;
}

async function begin() {
  const token = sessionStorage.getItem("token"), answer = await fetch("/openapi.json", { headers: token ? { Authorization: "Bearer " + token } : {} });
  const said = await answer.json(), place = document.getElementById("paths");
  if (!answer.ok) { place.replaceChildren(made("p", { class: "error", text: said.error.message + "; open it on the page that tries the model" })); return; }
  document.getElementById("name").textContent = said.info.title;
  document.getElementById("about").textContent = "Interface of version " + said.info.version;
  const cards = Object.entries(said.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, operation]) => {
    const card = made("section", { class: "card stacked" }, made("h2", {}, made("span", { class: "verb", text: verb.toUpperCase() }), path), made("p", { class: "quiet", text: operation.summary }),
      code(curl(path, verb, operation, said.security)));
    const errors = Object.entries(operation.responses).filter(([status]) => status !== "200");
    if (errors.length && path === "/predict") card.append(made("h3", { text: "Refusals" }), code(errors.map(([status, r]) => `${status}  ${r.description}`).join("\n")));
    return card;
  }));
  const schemas = made("section", { class: "card stacked" }, made("h2", { text: "One input" }), code(JSON.stringify(said.components.schemas.Input, null, 2)),
    made("h2", { text: "One answer" }), code(JSON.stringify(said.components.schemas.Answer, null, 2)));
  place.replaceChildren(cards[0], schemas, ...cards.slice(1));
}
begin();
