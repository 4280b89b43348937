// A sentence typed into a translator: translations with scores, and what each word looked at; two translators side by side; the epochs of a training.
"use strict";
(() => {
  const { el, number, ask, send, view, heat, scales, data } = Gradwell;

  view("translate", "Translate", true, async (main) => {
    const { translators } = await ask("/api/models");
    main.append(el("h1", {}, "Translate"));
    if (!translators.length || data) {
      main.append(el("p", { class: "sub" }, "Name a translator to try it here: gradwell serve --translator model"));
      return;
    }
    const text = el("textarea", { rows: 3, cols: 70, maxlength: 2000, spellcheck: "false" });
    const first = choice(translators, 0), second = choice(translators, null), pieces = el("input", { type: "checkbox", onchange: redraw });
    const beam = slider(1, 20, 1, 5), length = slider(0, 2, 0.1, 1), coverage = slider(0, 1, 0.05, 0);
    const out = el("div", { class: "grid two", role: "status" }), past = el("div", {});
    let found = [];
    main.append(el("form", { onsubmit: (event) => { event.preventDefault(); go(); } }, el("div", { class: "form" }, el("label", {}, "Sentence", text), el("button", { class: "main" }, "Translate")),
      el("div", { class: "form" }, el("label", {}, "Translator", first), el("label", {}, "Beside it", second), labelled("Beam (1 is greedy)", beam), labelled("Length penalty", length), labelled("Coverage penalty", coverage),
        el("label", { class: "row" }, pieces, "by pieces of words"))), out, past);
    text.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); go(); } });
    first.addEventListener("change", () => epochs(past, first.value));
    await epochs(past, first.value);

    async function go() {
      const which = [first.value, second.value].filter((value, i) => value !== "" && (i === 0 || value !== first.value));
      try {
        found = await Promise.all(which.map(async (at) => ({ at, best: 0, all: await send(`/api/translators/${at}/translate`, { text: text.value, beam: Number(beam.value), length: Number(length.value), coverage: Number(coverage.value) }) })));
        redraw();
      } catch (error) {
        if (!(error instanceof Gradwell.Refused)) throw error;
        out.replaceChildren(el("p", { class: "wrong" }, error.message));
      }
    }

    function redraw() {
      out.replaceChildren(...found.map((one) => shown(translators[one.at], one, pieces.checked, redraw)));
    }
  });

  const choice = (translators, chosen) => el("select", {}, chosen === null ? el("option", { value: "" }, "nothing") : null,
    translators.map((one, i) => el("option", { value: i, selected: i === chosen }, `${one.name} (${one.attention})`)));
  const slider = (min, max, step, value) => el("input", { type: "range", min, max, step, value });

  function labelled(title, input) {
    const shown = el("output", {}, input.value);
    input.addEventListener("input", () => { shown.textContent = input.value; });
    return el("label", {}, el("span", {}, `${title}: `, shown), input);
  }

  function shown(translator, one, pieces, redraw) {
    const best = one.all[one.best];
    const list = el("ol", { class: "nbest" }, one.all.map((each, i) => el("li", {}, el("button", { class: "text", "aria-pressed": String(i === one.best), onclick: () => { one.best = i; redraw(); } }, each.text || "(nothing)"),
      el("span", {}, ` log-probability ${number(each.score, 4)}, rank ${number(each.rank, 4)}`))));
    const tokens = el("p", { class: "tokens" }, best.tokens.map((token, i) => el("span", { class: "chip", title: `probability ${number(Math.exp(best.scores[i]))}` }, token)));
    const map = best.attention ? attention(translator.name, best.attention[pieces ? "pieces" : "words"]) : el("p", {}, "This translator has no attention: it remembers the sentence in one vector.");
    return el("section", {}, el("h2", {}, `${translator.name} (${translator.attention})`), list, el("h3", {}, "Tokens"), tokens, map);
  }

  /** Words of the source over the columns, words of the translation beside the rows, as dark as the attention; kept as PNG, SVG or CSV. */
  function attention(name, found) {
    const title = "What each word looked at";
    const cell = Math.max(4, Math.min(24, 2400 / found.target.length));
    const head = found.source.length <= 60 ? el("div", { class: "slanted", "aria-hidden": "true" }, found.source.map((word) => el("span", {}, el("i", {}, word)))) : "";
    const drawn = heat({ title, about: "rows sum to 1", rows: found.target, columns: found.source, values: found.weights, scale: scales.share(), height: cell, top: head,
      words: (i, j, value) => `${found.target[i]} looked at ${found.source[j]}: ${number(value)}` });
    drawn.append(el("p", { class: "form" }, ["SVG", "PNG", "CSV"].map((kind) => el("button", { onclick: () => keep(kind, name, found) }, `Keep as ${kind}`))));
    return drawn;
  }

  function picture(found) {
    const size = 22, left = 12 + 8 * Math.max(...found.target.map((word) => word.length)), top = 12 + 7 * Math.max(...found.source.map((word) => word.length));
    const width = left + size * found.source.length + 40, height = top + size * found.target.length + 12, { svg } = Gradwell;
    return svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, "font-family": "system-ui, sans-serif", "font-size": 13 },
      svg("rect", { width, height, fill: "#fff" }), found.source.map((word, j) => svg("text", { transform: `translate(${left + size * (j + 0.6)} ${top - 6}) rotate(-50)`, fill: "#222" }, word)),
      found.target.map((word, i) => [svg("text", { x: left - 8, y: top + size * (i + 0.7), "text-anchor": "end", fill: "#222" }, word),
        found.weights[i].map((weight, j) => svg("rect", { x: left + size * j, y: top + size * i, width: size - 1, height: size - 1, fill: "#1f4e9c", "fill-opacity": 0.03 + 0.97 * weight }, svg("title", {}, `${word} looked at ${found.source[j]}: ${weight}`)))]));
  }

  async function keep(kind, name, found) {
    const quoted = (word) => `"${word.replaceAll('"', '""')}"`;
    const text = kind === "CSV" ? [["", ...found.source].map(quoted).join(","), ...found.target.map((word, i) => [quoted(word), ...found.weights[i]].join(","))].join("\n") + "\n" : new XMLSerializer().serializeToString(picture(found));
    const blob = kind === "PNG" ? await bitmap(text) : new Blob([text], { type: kind === "CSV" ? "text/csv" : "image/svg+xml" });
    const url = URL.createObjectURL(blob), anchor = el("a", { href: url, download: `${name}-alignment.${kind.toLowerCase()}` });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  function bitmap(text) {
    return new Promise((done, failed) => {
      const image = new Image();
      image.onload = () => {
        const canvas = el("canvas", { width: 2 * image.width, height: 2 * image.height });
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(done);
      };
      image.onerror = failed;
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    });
  }

  /** How the attention of some sentences grew with the epochs of the training. */
  async function epochs(place, at) {
    const seen = await ask(`/api/translators/${at}/epochs`);
    place.replaceChildren();
    if (!seen.weights.length) return;
    const which = el("select", { onchange: show }, seen.sentences.map((one, i) => el("option", { value: i }, one.target.slice(0, -1).join(one.target.some((token) => token.startsWith("\u2581")) ? "" : " ").replaceAll("\u2581", " ").trim().slice(0, 60))));
    const epoch = el("input", { type: "range", min: 1, max: seen.weights.length, value: seen.weights.length, oninput: show }), shown = el("output", {}), map = el("div", {});
    place.append(el("section", {}, el("h2", {}, "Through the training"), el("div", { class: "form" }, el("label", {}, "Sentence", which), el("label", {}, el("span", {}, "After epoch ", shown), epoch)), map));
    show();

    function show() {
      shown.textContent = epoch.value;
      const sentence = seen.sentences[which.value];
      map.replaceChildren(attention(`epoch-${epoch.value}`, { source: sentence.source, target: sentence.target, weights: seen.weights[epoch.value - 1][which.value] }));
    }
  }
})();
