// A passage at its bytes, a photo with its box, a sound at its time.

import { Failure, get, original } from "./api.js";
import { dialog, h, marked, number, replace } from "./dom.js";

/** Opens what a hit or a citation leads to. `place` has `span`, `region` or `time` where it is known. */
export function passage(hit, collection, place = {}) {
  const media = h("div", { class: "media" });
  const whole = h("div", {});
  const spans = place.span ? [place.span] : hit.highlights.map((one) => one.span);
  const box = dialog(hit.item_title || hit.item_id,
    h("p", { class: "quiet" }, h("code", {}, hit.item_id), ` § ${hit.section_id}`, heading(hit),
      hit.uri && [" · ", h("span", {}, hit.uri)]),
    hit.also_in?.length > 0 && h("p", { class: "quiet" }, "also in: ", hit.also_in.map((one) => one.item_id).join(", ")),
    media,
    hit.text && h("blockquote", { class: "passage" }, marked(hit.text, spans, (text) => h("mark", { class: "cited" }, text))),
    facts(hit.metadata),
    h("details", { ontoggle: (event) => event.target.open && item(whole, collection, hit) }, h("summary", {}, "The whole item"), whole));
  if (hit.modality === "image") photo(media, collection, hit, boxes(hit, place));
  else if (hit.modality === "audio") sound(media, collection, hit, place.time ?? times(hit, place));
  box.querySelector("mark")?.scrollIntoView({ block: "center" });
}

function boxes(hit, place) {
  if (place.region) return [[place.region, "cited"]];
  const read = hit.segments.filter((one) => one.place.kind === "box").map((one) => {
    const [x, y, width, height] = one.place.place;
    return [{ x, y, width, height }, "read"];
  });
  return hit.region ? [[hit.region, "cited"], ...read] : read;
}

function times(hit, place) {
  if (!place.span) return null;
  const within = hit.segments.find((one) =>
    one.place.kind === "time_range" && one.span[0] < place.span[1] && one.span[1] > place.span[0]);
  return within?.place.place ?? null;
}

async function media(collection, hit, place) {
  try {
    return await original(collection, hit.item_id, hit.section_id);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    replace(place, h("p", { class: "quiet" }, `It cannot be shown: ${error.message}`));
    return null;
  }
}

async function photo(place, collection, hit, marks) {
  const url = await media(collection, hit, place);
  if (!url) return;
  const percent = (value) => `${number(100 * value, 2)}%`;
  replace(place, h("div", { class: "photo" }, h("img", { src: url, alt: hit.text || hit.item_title || hit.item_id }),
    marks.map(([box, kind]) => h("span", {
      class: `box ${kind}`,
      style: { left: percent(box.x), top: percent(box.y), width: percent(box.width), height: percent(box.height) },
    }))));
}

async function sound(place, collection, hit, time) {
  const url = await media(collection, hit, place);
  if (!url) return;
  const player = h("audio", { controls: true, src: time ? `${url}#t=${time[0]},${time[1]}` : url });
  replace(place, player, time && h("p", { class: "quiet" }, `${number(time[0], 1)} to ${number(time[1], 1)} s`));
}

/** A small picture beside a hit. */
export function thumbnail(hit, collection) {
  const place = h("span", { class: "thumbnail" });
  const seen = new IntersectionObserver(async (entries) => {
    if (!entries.some((one) => one.isIntersecting)) return;
    seen.disconnect();
    try {
      replace(place, h("img", { src: await original(collection, hit.item_id, hit.section_id), alt: "" }));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      place.remove();
    }
  });
  seen.observe(place);
  return place;
}

async function item(place, collection, hit) {
  if (place.childElementCount) return;
  const found = await get("passage", { collection, item: hit.item_id });
  replace(place, found.sections.map((one) => h("section", { class: one.id === hit.section_id ? "part here" : "part" },
    one.title && h("h3", {}, one.title),
    h("p", {}, one.content ?? [`§ ${one.id} `, h("span", { class: "quiet" }, one.uri || "a picture or a sound")]))));
}

const KEPT_BY_TOOLS = new Set(["indexed_from", "content_hash"]);

/** The heading of a section, where it says more than the title of its item. */
export const heading = (hit) => hit.section_title && hit.section_title !== hit.item_title && ` · ${hit.section_title}`;

export function facts(metadata) {
  const known = Object.entries(metadata ?? {}).filter(([name]) => !KEPT_BY_TOOLS.has(name));
  return known.length > 0 && h("dl", { class: "facts" }, known.map(([name, value]) =>
    [h("dt", {}, name), h("dd", {}, Array.isArray(value) ? value.join(", ") : String(value))]));
}
