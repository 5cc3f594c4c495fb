// An answer, its claims by their verdicts, and what they rest on.

import { vote } from "./api.js";
import { h, marked, milliseconds, number, say, visible } from "./dom.js";
import { passage } from "./passage.js";
import { readable } from "./quote.js";

const VERDICTS = {
  supported: ["✓", "supported by a passage"],
  contradicted: ["✗", "a passage says otherwise"],
  unsupported: ["?", "no passage supports it"],
  low_confidence: ["~", "checked, and not sure enough"],
  not_checked: ["·", "not checked"],
};
const FITS = { echo: "it only repeats the question", other_kind: "it lacks what is asked for", likely: "likely an answer: of ten such quotes about six are right", unsure: "one of the nearest sentences: at most half of such quotes answer the question" };

export class Answer {
  constructor(asked, about, show) {
    Object.assign(this, { asked, about, show, text: "", claims: [], citations: [], repaired: [], conflicts: [], hits: [] });
    this.verdicts = new Map();
    this.abstention = this.finish = this.broken = null;
  }

  add(event) {
    switch (event.event) {
      case "text": this.text += event.text; break;
      case "claim": this.claims.push(event); break;
      case "citation": this.citations.push(event); break;
      case "verdict": this.verdicts.set(event.claim_id, event); break;
      case "conflict": this.conflicts.push(event); break;
      case "repaired": this.repaired.push(event); break;
      case "abstention": this.abstention = event; break;
      case "finish": this.finish = event; break;
      default: // of a newer server
    }
  }

  view() {
    const quoted = this.finish?.style === "quote";
    return h("section", { class: "card answer", "aria-label": "Answer", "aria-busy": String(!this.finish && !this.broken) },
      this.abstention && h("p", { class: "abstained" }, "No answer: ", this.abstention.message,
        this.abstention.reason !== "not_named" && h("span", { class: "quiet" }, ` (${number(this.abstention.score, 2)}, and ${number(this.abstention.threshold, 2)} is asked for)`)),
      this.text && h("p", { class: quoted ? "text quoted" : "text" }, this.words()),
      !this.text && !this.abstention && !this.broken && h("p", { class: "quiet" }, this.hits.length ? "reading …" : "looking …"),
      this.broken && h("p", { class: "wrong" }, this.broken.message),
      this.finish?.twin && h("div", { class: "twin" }, h("h3", {}, "Plain, without the strategy"), h("p", {}, this.finish.twin.text || "nothing")),
      this.repaired.length > 0 && h("details", {}, h("summary", {}, `${this.repaired.length} repaired`),
        h("ul", {}, this.repaired.map((one) => h("li", { class: `claim ${one.label}` }, one.text.trim())))),
      this.conflicts.length > 0 && h("div", { class: "conflicts" }, h("h3", {}, "Passages disagree"),
        h("ul", {}, this.conflicts.map((one) => h("li", {}, `another ${one.kind}: `,
          h("q", {}, one.cited.text), " ", this.source(one.cited.evidence_id, one.cited),
          " but ", h("q", {}, one.other.text), " ", this.source(one.other.evidence_id, one.other))))),
      this.claims.length > 0 && this.judged(),
      this.finish && h("p", { class: "quiet" }, this.ending(quoted)));
  }

  words() {
    const ends = new Map(this.claims.map((one) => [one.span[0], one]));
    const quoted = this.finish?.style === "quote";
    return marked(this.text, this.claims.map((one) => one.span), (text, span) => {
      const claim = ends.get(span[0]);
      const [label, mark, why] = this.verdict(claim);
      return [
        h("mark", { class: `claim ${label}`, title: why }, quoted ? readable(text) : text),
        h("span", { class: `sign ${label}`, "aria-label": why }, mark),
        this.cited(claim).map((one) => this.source(one.evidence_id, one)),
      ];
    });
  }

  verdict(claim) {
    const found = this.verdicts.get(claim.id);
    if (!found) return ["waiting", "…", "it is being checked"];
    const [mark, why] = VERDICTS[found.label] ?? ["·", found.label];
    // A quote is what its passage says; whether it answers is another question, so it gets no tick for it.
    const sure = !["likely", "unsure"].includes(found.answers_question);
    const fit = FITS[found.answers_question];
    return [sure ? found.label : "low_confidence", sure ? mark : "“", fit ? `${why}; ${fit}` : why];
  }

  cited(claim) {
    return this.citations.filter((one) => one.claim_id === claim.id).sort((a, b) => b.support - a.support);
  }

  hit(id) {
    const [first, second] = id.split(".").map(Number);
    const found = this.hits[first - 1];
    return second > 1 ? found?.sections?.[second - 2] : found;
  }

  source(id, place) {
    const found = this.hit(id);
    const open = () => { this.show(id); if (found) passage(found.hit, this.asked.collection, place); };
    return h("button", { type: "button", class: "source", title: found ? visible(found.hit.item_title || found.hit.item_id) : "", onclick: open }, id);
  }

  judged() {
    return h("details", { class: "claims" }, h("summary", {}, `${this.claims.length} ${this.claims.length === 1 ? "claim" : "claims"}, checked`),
      h("ol", {}, this.claims.map((claim) => {
        const [label, mark, why] = this.verdict(claim);
        const found = this.verdicts.get(claim.id);
        return h("li", {}, h("span", { class: `sign ${label}` }, mark), " ", claim.text, " ",
          h("span", { class: "quiet" }, why, found ? `, ${number(found.score, 2)} by ${found.checker}` : ""), " ",
          this.cited(claim).map((one) => this.source(one.evidence_id, one)), this.about.votes && this.votes(claim));
      })));
  }

  votes(claim) {
    const best = this.cited(claim)[0];
    const evidence = (best ? this.hit(best.evidence_id) : this.hits[0])?.hit.text ?? "";
    if (!evidence) return null;
    const give = (label) => async (event) => {
      const place = event.currentTarget;
      await vote({ on: "claim", collection: this.asked.collection, evidence, claim: claim.text, label });
      for (const one of place.parentElement.children) one.setAttribute("aria-pressed", String(one === place));
      say("kept");
    };
    return h("span", { class: "votes", role: "group", "aria-label": "Your verdict" },
      ["supported", "contradicted", "unsupported"].map((label) =>
        h("button", { type: "button", class: "plain", title: `I say: ${VERDICTS[label][1]}`, "aria-label": `I say: ${VERDICTS[label][1]}`, onclick: give(label) }, VERDICTS[label][0])));
  }

  ending(quoted) {
    const end = this.finish;
    const parts = [quoted ? "quoted word for word" : `written by ${end.model || "no model"}`];
    if (!quoted && end.completion_tokens) parts.push(`${end.completion_tokens} tokens`);
    if (end.changed_tokens) parts.push(`${end.changed_tokens} changed by the strategy`);
    if (end.reason === "length") parts.push("cut at the limit of tokens");
    parts.push(`${milliseconds(end.timing.total)}`);
    return parts.join(" · ");
  }
}
