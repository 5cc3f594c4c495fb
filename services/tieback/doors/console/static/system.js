// Collections, operations, services.

import { Failure, get } from "./api.js";
import { h, number, replace, say, size } from "./dom.js";

const EVERY = 3000;

/** Shows a part and shows it again every few seconds while it is looked at; returns how to end that. */
async function repeated(main, make) {
  let ended = false, waiting;
  const again = async () => {
    if (ended) return;
    if (!document.hidden) {
      try {
        const made = await make();
        if (!ended) replace(main, made);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        say(error.message, true);
      }
    }
    waiting = setTimeout(again, EVERY);
  };
  replace(main, await make());
  waiting = setTimeout(again, EVERY);
  return () => { ended = true; clearTimeout(waiting); };
}

const table = (heads, rows, numbers = []) => h("div", { class: "scroll" }, h("table", {},
  h("thead", {}, h("tr", {}, heads.map((one, place) => h("th", { class: numbers.includes(place) ? "number" : "" }, one)))),
  h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, place) => h("td", { class: numbers.includes(place) ? "number" : "" }, one)))))));

export const collections = (main, page) => repeated(main, async () => {
  const about = await page.fresh();
  const { caller } = about;
  return [
    h("section", { class: "card" }, h("h2", {}, "Collections"),
      about.collections.length
        ? table(["collection", "items", "sections", "vectors in memory", "space", "codec", "state"], about.collections.map((one) => [
          h("a", { href: `#search?${new URLSearchParams({ c: one.name })}` }, one.name),
          number(one.item_count), number(one.section_count), size(one.resident_bytes),
          [one.space.name, " ", h("span", { class: "quiet" }, one.space.revision)], one.codec, state(one)]), [1, 2, 3])
        : h("p", {}, "There is none yet: ", h("code", {}, "tieback index FOLDER")),
      h("p", { class: "quiet" }, `${number(caller.item_count)} items, ${size(caller.byte_count)}`,
        caller.quota.byte_count ? ` of ${size(caller.quota.byte_count)}` : "")),
    h("section", { class: "card" }, h("h2", {}, "Operations"),
      about.operations.length
        ? table(["operation", "of", "state", "progress", "still", ""], about.operations.map((one) => [
          [one.kind.replaceAll("_", " "), " ", h("code", {}, one.id)], one.subject, one.cancelling ? "cancelling" : one.state ?? "",
          one.total ? h("progress", { max: one.total, value: one.done, title: `${one.done} of ${one.total}` }) : "",
          one.remaining === null ? "" : `${number(one.remaining)} s`, one.trouble || one.error?.message || ""]))
        : h("p", { class: "quiet" }, "None ran lately.")),
  ];
});

const state = (one) => one.damage ? h("span", { class: "wrong", title: one.damage }, "damaged")
  : one.stale ? h("span", { class: "wrong", title: one.stale }, "stale") : "";

export const services = (main) => repeated(main, async () => {
  const about = await get("services");
  const load = about.load;
  const refusals = Object.entries(load.rejections ?? {}).flatMap(([service, reasons]) =>
    Object.entries(reasons).map(([reason, count]) => [service, reason, number(count)]));
  const waiting = Object.entries(load.spaces ?? {}).map(([name, one]) => [name, number(one.queued_tokens ?? 0), number(one.active_items ?? 0), number(one.tokens_per_second ?? 0)]);
  const calls = Object.entries(load.calls ?? {}).filter(([, one]) => one.calls || one.in_flight);
  return [
    h("section", { class: "card" }, h("h2", {}, `Services of tieback ${about.version}`),
      table(["service", "state", "replicas"], about.services.map((one) => [one.name,
        h("span", { class: one.ready ? "sign supported" : "sign contradicted" }, one.ready ? "✓ ready" : "✗ not ready"), number(one.replicas)]), [2])),
    waiting.length > 0 && h("section", { class: "card" }, h("h2", {}, "Queues of this process"),
      table(["service", "tokens waiting", "items in work", "tokens a second"], waiting, [1, 2, 3])),
    calls.length > 0 && h("section", { class: "card" }, h("h2", {}, "Calls of this process"),
      table(["service", "running", "calls", "failed"], calls.map(([name, one]) => [name, number(one.in_flight), number(one.calls), number(one.failed)]), [1, 2, 3])),
    h("section", { class: "card" }, h("h2", {}, "Refused"),
      refusals.length ? table(["service", "reason", "calls"], refusals, [2]) : h("p", { class: "quiet" }, "No call was refused.")),
    h("section", { class: "card" }, h("h2", {}, "Spaces"),
      table(["space", "reads", "width", "precision", "revision"], about.spaces.map((one) => [one.name ?? one.ref?.name ?? "",
        (one.modalities ?? []).join(", "), number(one.width), one.precision || "float32", one.ref?.revision ?? ""]), [2])),
  ];
});
