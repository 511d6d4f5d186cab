// Making elements. Texts become text nodes, never markup.

const SVG = document.getElementById("timeline").namespaceURI;

function el(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function svg(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  return node;
}

// As many characters as fit the width (pixels) in the monospaced face of the drawings.
const CHARACTER = 6.75;
function fitting(text, width) {
  const room = Math.floor(width / CHARACTER);
  if (text.length <= room) return text;
  return room < 3 ? "" : `${text.slice(0, room - 1)}…`;
}

function hatch() {
  const pattern = svg("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse" });
  pattern.append(svg("rect", { width: 8, height: 8 }), svg("path", { d: "M-2 10 10 -2M-2 2 2 -2M6 10 10 6" }));
  const definitions = svg("defs", {});
  definitions.append(pattern);
  return definitions;
}

// What is shown, selected and searched for; one place, changed through select(), look() and filter() of main.js.
const state = {
  view: [...WHOLE], record: -1, exchange: -1, width: 1200,
  method: "", rule: -1, find: "", polls: false, filtered: false,
  matching: new Uint8Array(count).fill(1), proof: new Set(), list: exchanges.length ? "commands" : "lines",
};
