// An answer as the server says that it is shown: its text, marks, levels, passages. The page decides none of it.

import { vote } from "./api.js";
import { h, milliseconds, say, visible } from "./dom.js";
import { passage } from "./passage.js";

export class Answer {
  constructor(asked, about, show) {
    Object.assign(this, { asked, about, show, shown: null, tail: "", claims: new Map(), places: new Map(), hits: [] });
    this.finish = this.broken = null;
  }

  add(event) {
    switch (event.event) {
      case "text": this.tail += event.text; break;
      case "claim": this.claims.set(event.id, event); break;
      case "citation": this.place(event); break;
      case "verdict": if (event.nearest) this.place(event.nearest); break;
      case "shown": this.shown = event; this.tail = ""; break;
      case "finish": this.finish = event; break;
      default: // of a newer server, or a part of what is shown
    }
  }

  place(one) {
    const key = `${one.claim_id} ${one.evidence_id}`;
    if (!this.places.has(key)) this.places.set(key, one);
  }

  view() {
    const shown = this.shown ?? { heading: "", parts: [], note: "", passages: [], conflicts: [], repairs: [], withdrawn: "", legend: [] };
    const differences = shown.parts.map((one) => one.claim).filter((one) => one?.difference);
    const isEmpty = !shown.heading && !shown.parts.length && !this.tail && !this.finish;
    return h("section", { class: `card answer kind-${shown.kind ?? "pending"} level-${shown.level ?? "none"}`, "aria-label": "Answer", "aria-busy": String(!this.finish && !this.broken) },
      (shown.notices ?? []).map((one) => h("p", { class: "notice quiet" }, one)),
      shown.heading && h("p", { class: "heading" }, shown.heading),
      (shown.parts.length > 0 || this.tail) && h("p", { class: "text" }, shown.parts.map((one) => (one.claim ? this.claim(one.claim) : one.text)), this.tail),
      isEmpty && !this.broken && h("p", { class: "quiet" }, this.hits.length ? "reading …" : "looking …"),
      shown.note && h("p", { class: "quiet" }, shown.note),
      differences.length > 0 && h("ul", { class: "differences" }, differences.map((one) => h("li", {}, sign(one), " ", one.difference))),
      this.broken && h("p", { class: "wrong" }, this.broken.message),
      shown.withdrawn && h("p", { class: "quiet" }, shown.withdrawn_heading, " ", h("s", {}, shown.withdrawn)),
      shown.passages.length > 0 && [shown.passages_heading && h("h3", {}, shown.passages_heading), shown.passages.map((one) => this.passage(one))],
      shown.conflicts.map((one) => h("div", { class: "conflict" }, h("h3", {}, one.heading),
        h("ul", {}, one.places.map(([id, runs]) => h("li", {}, this.source(id), " ", h("q", {}, marked(runs))))))),
      shown.repairs.length > 0 && h("div", { class: "repairs" },
        h("ul", {}, shown.repairs.map((one) => h("li", {}, one.heading, " ", h("s", {}, one.claim.text), sign(one.claim), one.instead && ` → ${one.instead}`)))),
      this.finish?.twin && h("div", { class: "twin" }, h("h3", {}, "Plain, without the strategy"), h("p", {}, this.finish.twin.text || "nothing")),
      shown.legend.length > 0 && h("ul", { class: "legend quiet" }, shown.legend.map((one) => h("li", {}, one))),
      this.about.votes && this.finish && this.judging(shown),
      this.finish && h("p", { class: "quiet" }, this.ending()));
  }

  claim(one) {
    if (one.tone === "quote") return [h("q", {}, one.text), this.sources(one)];
    const title = [one.words, one.difference].filter(Boolean).join(": ");
    return [h("span", { class: `claim ${one.tone}`, title }, differing(one)), sign(one), this.sources(one)];
  }

  sources(one) {
    return one.sources.map((id) => this.source(id, this.places.get(`${one.claim_id} ${id}`)));
  }

  hit(id) {
    const [first, second] = id.split(".").map(Number);
    const found = this.hits[first - 1];
    return second > 1 ? found?.sections?.[second - 2] : found;
  }

  source(id, place = undefined) {
    const found = this.hit(id);
    return h("button", { type: "button", class: "source", title: found ? visible(found.hit.item_title || found.hit.item_id) : "", onclick: () => this.open(id, place) }, id);
  }

  open(id, place = undefined) {
    const found = this.hit(id);
    this.show(id);
    if (found) passage(found.hit, this.asked.collection, place ?? this.cited(id));
  }

  cited(id) {
    return [...this.places.values()].find((one) => one.evidence_id === id);
  }

  passage(one) {
    return h("div", { class: "cited-passage" },
      h("p", { class: "top" }, this.source(one.id), h("button", { type: "button", class: "title", onclick: () => this.open(one.id) }, one.title),
        one.section && h("span", { class: "quiet" }, one.section), one.kind && one.kind !== "text" && h("span", { class: "quiet" }, one.kind)),
      h("p", { class: "around" }, marked(one.runs)),
      one.place && h("p", { class: "quiet" }, one.place));
  }

  judging(shown) {
    const claims = shown.parts.filter((one) => one.claim && one.claim.tone !== "quote").map((one) => one.claim);
    return claims.length > 0 && h("details", { class: "claims" }, h("summary", {}, "Say whether a claim is supported"),
      h("ol", {}, claims.map((one) => h("li", {}, one.text, " ", this.votes(one)))));
  }

  votes(one) {
    const evidence = (one.sources.length ? this.hit(one.sources[0]) : this.hits[0])?.hit.text ?? "";
    if (!evidence) return null;
    const claim = this.claims.get(one.claim_id)?.text ?? one.text;
    const give = (label) => async (event) => {
      const place = event.currentTarget;
      await vote({ on: "claim", collection: this.asked.collection, evidence, claim, label });
      for (const each of place.parentElement.children) each.setAttribute("aria-pressed", String(each === place));
      say("kept");
    };
    return h("span", { class: "votes", role: "group", "aria-label": "Your verdict" },
      this.about.votes.map((each) =>
        h("button", { type: "button", class: "plain", title: `I say: ${each.words}`, "aria-label": `I say: ${each.words}`, onclick: give(each.label) }, each.sign)));
  }

  ending() {
    const end = this.finish;
    const parts = [this.shown?.kind === "quoted" ? (this.shown.level === "passages" ? "nothing quoted" : "quoted word for word") : end.completion_tokens ? `${end.completion_tokens} tokens by ${end.model}` : "nothing written"];
    if (end.changed_tokens) parts.push(`${end.changed_tokens} changed by the strategy`);
    if (end.reason === "length") parts.push("cut at the limit of tokens");
    parts.push(milliseconds(end.timing.total));
    return parts.join(" · ");
  }
}

const sign = (one) => one.sign && h("span", { class: `sign ${one.tone}`, title: one.words, "aria-label": one.words }, one.sign);

const differing = (one) => (one.runs.length ? one.runs.map((run) => (run.is_marked ? h("u", {}, run.text) : run.text)) : one.text);

const marked = (runs) => runs.map((one) => (one.is_marked ? h("mark", {}, one.text) : one.text));
