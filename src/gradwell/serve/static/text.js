// A text typed into a classifier: its labels, and which words and n-grams carried them; the neighbours of a word.
"use strict";
(() => {
  const { el, number, ask, send, view, tip, data } = Gradwell;

  view("text", "Text", true, async (main) => {
    const { classifiers } = await ask("/api/models");
    main.append(el("h1", {}, "Text"));
    if (!classifiers.length || data) {
      main.append(el("p", { class: "sub" }, "Name a text model to try it here: gradwell serve --classifier model.bin"));
      return;
    }
    const which = el("select", { onchange: about }, classifiers.map((one, i) => el("option", { value: i }, one.name))), told = el("p", { class: "sub" });
    const text = el("textarea", { rows: 4, cols: 70, maxlength: 5000, spellcheck: "false" }), out = el("div", { role: "status" });
    const word = el("input", { maxlength: 200 }), near = el("div", { role: "status" });
    const go = el("button", { class: "main" }, "Classify");
    main.append(el("div", { class: "form" }, el("label", {}, "Model", which)), told,
      el("form", { class: "form", onsubmit: (event) => { event.preventDefault(); classify(); } }, el("label", {}, "Text", text), go), out,
      el("section", {}, el("h2", {}, "Neighbours of a word"), el("form", { class: "form", onsubmit: (event) => { event.preventDefault(); neighbours(); } }, el("label", {}, "Word", word), el("button", {}, "Find")), near));
    text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) classify(); });
    about();

    function about() {
      const one = classifiers[which.value];
      told.textContent = `${number(one.words)} words, ${one.supervised ? `${number(one.labels)} labels, loss ${one.loss}` : "word vectors, no labels"}` +
        `${one.ngrams > 1 ? `, n-grams of up to ${one.ngrams} words` : ""}${one.characters[1] ? `, n-grams of ${one.characters[0]} to ${one.characters[1]} characters` : ""}`;
      go.disabled = !one.supervised;
    }

    async function classify() {
      await refusing(out, async () => {
        const found = await send(`/api/classifiers/${which.value}/classify`, { text: text.value });
        let label = 0;
        const parts = el("div", {}), choice = el("select", { onchange: () => { label = Number(choice.value); show(); } }, found.labels.map((name, i) => el("option", { value: i }, name)));
        const show = () => parts.replaceChildren(carried(found, label));
        show();
        out.replaceChildren(el("table", { class: "bars" }, el("caption", {}, "Labels"), el("tbody", {}, found.labels.map((name, i) => el("tr", {}, el("th", { scope: "row" }, name),
          el("td", {}, Gradwell.svg("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, Gradwell.svg("rect", { class: "dot c0", width: 100 * found.probabilities[i], height: 10 }))),
          el("td", {}, `${number(100 * found.probabilities[i])} %`))))), el("div", { class: "form" }, el("label", {}, "What carried", choice)), parts);
      });
    }

    async function neighbours() {
      await refusing(near, async () => {
        const found = await send(`/api/classifiers/${which.value}/neighbours`, { word: word.value });
        near.replaceChildren(el("table", { class: "data" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "word"), el("th", { scope: "col" }, "cosine"))),
          el("tbody", {}, found.map((one) => el("tr", {}, el("th", { scope: "row" }, one.word), el("td", {}, number(one.cosine)))))));
      });
    }
  });

  async function refusing(place, act) {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Gradwell.Refused)) throw error;
      place.replaceChildren(el("p", { class: "wrong" }, error.message));
    }
  }

  /** Each part of the text, coloured by what it adds to a label's score; and all of them as a table, the largest first. */
  function carried(found, label) {
    const most = Math.max(...found.parts.map((part) => Math.abs(part.added[label])), 1e-30);
    const chip = (part) => {
      const value = part.added[label], level = Math.round((4 * value) / most) + 4;
      const words = `${part.part}: ${value > 0 ? "+" : ""}${number(value, 4)}`;
      return el("span", { class: `chip d${level}`, role: "img", "aria-label": words, onpointermove: (event) => tip(words, event), onpointerleave: () => tip("") }, part.part);
    };
    const kinds = [["word", "Words"], ["words", "N-grams of words"], ["characters", "N-grams of characters"]];
    const sorted = found.parts.slice().sort((a, b) => Math.abs(b.added[label]) - Math.abs(a.added[label])).slice(0, 60);
    return el("div", {}, kinds.map(([kind, title]) => {
      const parts = found.parts.filter((part) => part.kind === kind);
      return parts.length ? el("section", { class: "parts" }, el("h3", {}, title), el("p", {}, parts.map(chip))) : null;
    }), el("p", { class: "sub" }, `Each part adds to the score of ${found.labels[label] ?? "no label"}, or takes from it; together they are the score, ${number(found.scores[label], 4)}. ${found.all} parts in all.`),
    el("details", {}, el("summary", {}, "As a table"), el("table", { class: "data" }, el("thead", {}, el("tr", {}, ["part", "kind", "adds"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, sorted.map((part) => el("tr", {}, el("th", { scope: "row" }, part.part), el("td", {}, part.kind), el("td", {}, number(part.added[label], 4))))))));
  }
})();
