// Elements are made of texts and attributes, never of markup: what is stored cannot become part of the page.

/** An element with attributes, listeners (`onclick`), styles (`style: {width}`) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
}

export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

// Characters that turn the direction of a line, or are not seen, would let a text show as another one.
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

export function visible(text) {
  return text.replace(HIDDEN, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Slices of a text by bytes of its UTF-8, as spans of the contract are. */
export function sliced(text) {
  const bytes = encoder.encode(text);
  return { length: bytes.length, of: (begin, end) => decoder.decode(bytes.subarray(begin, end)) };
}

/** A text with some spans marked; spans that overlap one before them are left out. */
export function marked(text, spans, wrap) {
  const bytes = sliced(text);
  const parts = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (span[0] < at || span[1] > bytes.length) continue;
    parts.push(bytes.of(at, span[0]), wrap(bytes.of(span[0], span[1]), span));
    at = span[1];
  }
  parts.push(bytes.of(at, bytes.length));
  return parts;
}

let silence;

/** Says something for a few seconds, and to readers of screens. */
export function say(text, wrong = false) {
  const place = document.getElementById("said");
  replace(place, text);
  place.className = wrong ? "wrong" : "";
  clearTimeout(silence);
  silence = setTimeout(() => replace(place), 6000);
}

/** A dialog that is there until it is closed; Escape closes it, and the focus goes back. */
export function dialog(title, ...children) {
  const before = document.activeElement;
  const shut = () => box.close();
  const box = h("dialog", { "aria-label": title, onclick: (event) => event.target === box && shut() },
    h("div", { class: "sheet" },
      h("h2", {}, title, h("button", { class: "plain shut", type: "button", "aria-label": "Close", onclick: shut }, "✕")),
      children));
  box.addEventListener("close", () => { box.remove(); before?.focus?.(); });
  document.body.append(box);
  box.showModal();
  return box;
}

export const number = (value, digits = 0) =>
  value === null || value === undefined ? "" : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });

export function milliseconds(seconds) {
  if (seconds >= 10) return `${number(seconds, 0)} s`;
  if (seconds >= 1) return `${number(seconds, 1)} s`;
  return `${number(seconds * 1000, seconds < 0.01 ? 1 : 0)} ms`;
}

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 1000 && step < units.length - 1) { bytes /= 1000; step += 1; }
  return `${number(bytes, step && bytes < 10 ? 1 : 0)} ${units[step]}`;
}
