// A quote as it is read: a row by its cells, without the marks that stand around these.

/** The cells of a row, with dots between them; another quote as it is. */
export function readable(quote) {
  const words = quote.trim();
  if (/^<tr\b/i.test(words)) return between(words.split(/<t[hd]\b[^<>]*>/i).slice(1).map(text));
  if (words.startsWith("|")) return between(words.replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.replaceAll("\\|", "|")));
  return quote;
}

function between(cells) {
  return cells.map((cell) => cell.replace(/\s+/g, " ").trim()).filter(Boolean).join(" · ");
}

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&#39;": "'", "&nbsp;": " ", "&amp;": "&" };

/** What is read of a piece of HTML. It stays a text. */
function text(html) {
  return html.replace(/<[^<>]*>/g, " ").replace(/&(?:lt|gt|quot|#39|nbsp|amp);/g, (one) => ENTITIES[one]);
}
