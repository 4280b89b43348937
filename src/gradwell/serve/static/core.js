// What every view needs: elements, numbers, questions to the server, the address, the tip. All text goes through textContent.
"use strict";
window.Gradwell = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const views = [];  // {name, title, path, draw}
  const embedded = document.getElementById("data");
  const data = embedded ? JSON.parse(embedded.textContent) : null;
  let leave = () => {}, drawn = false;

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
    return node;
  }

  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  /** A reading as a number; JSON has no NaN and no infinity, so they come as text. */
  const real = (value) => (typeof value === "string" ? { inf: Infinity, "-inf": -Infinity }[value] ?? NaN : value);

  /** A number with three digits, as everywhere in the project. */
  function number(value, digits = 3) {
    value = real(value);
    if (value == null) return "-";
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e9) return value.toLocaleString("en");
    if (size >= 1000 && size < 1e6 && digits === 3) return Math.round(value).toLocaleString("en");
    if (size && (size < 1e-3 || size >= 1e6)) return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(digits)));
  }

  /** The language of claims, verdicts and the manual; it is kept where the browser keeps anything. */
  let language = "en";
  try { language = localStorage.getItem("gradwell-language") || (navigator.language.startsWith("zh") ? "zh" : "en"); } catch { /* a file may keep nothing */ }
  const said = (thing, name, chinese = "zh") => (language === "zh" && thing[chinese]) || thing[name];

  function turn() {
    language = language === "zh" ? "en" : "zh";
    try { localStorage.setItem("gradwell-language", language); } catch { /* the same */ }
    draw();
  }

  const when = (seconds) => (seconds ? new Date(1000 * seconds).toLocaleString() : "");

  class Refused extends Error {}

  async function ask(path, options) {
    if (data) {
      if (path in data) return data[path];
      throw new Refused("this file does not hold that; it is in the page that gradwell serve shows");
    }
    let answer;
    try {
      answer = await fetch(path, options);
    } catch (error) {
      connected(false);
      throw error;
    }
    connected(true);
    const body = (answer.headers.get("content-type") || "").startsWith("application/json") ? await answer.json() : { error: await answer.text() };
    if (!answer.ok) throw new Refused(body.error || `the server answered ${answer.status}`);
    return body;
  }

  const send = (path, body) => ask(path, {
    method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", "x-gradwell": "page" } });

  function connected(yes) {
    const lost = document.getElementById("lost");
    if (!yes && lost.hidden) retry();
    lost.textContent = yes ? "" : "disconnected: the server does not answer; this page goes on when it does";
    lost.hidden = yes;
  }

  function retry() {
    setTimeout(async () => {
      try {
        await ask("/api/about");
        draw();
      } catch (error) {
        if (!(error instanceof Refused)) retry();
      }
    }, 1000);
  }

  /** Hear of every change of a run until the view is left. */
  function listen(path, changed) {
    if (data) return;
    const source = new EventSource(path);
    source.onmessage = (event) => {
      const news = JSON.parse(event.data);
      if (news.finished) source.close();
      changed(news);
    };
    source.onerror = () => connected(false);
    source.onopen = () => connected(true);
    leaving(() => source.close());
  }

  /** Do something when the view is left. */
  function leaving(after) {
    const before = leave;
    leave = () => { before(); after(); };
  }

  function tip(text, event) {
    const node = document.getElementById("tip");
    node.hidden = !text;
    if (!text) return;
    node.textContent = text;
    const { width, height } = node.getBoundingClientRect();
    const x = Math.min(event.clientX + 14, innerWidth - width - 6), y = event.clientY + 18;
    node.style.left = `${Math.max(6, x)}px`;
    node.style.top = `${y + height > innerHeight ? event.clientY - height - 10 : y}px`;
  }

  const say = (text) => { document.getElementById("spoken").textContent = text; };
  const link = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
  const here = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  const view = (name, title, show, paint) => views.push({ name, title, show, paint });

  async function draw() {
    const [first, ...rest] = here();
    const shown = views.find((one) => one.name === first) || views[0];
    leave();
    leave = () => {};
    tip("");
    const nav = document.getElementById("nav");
    nav.replaceChildren(el("b", {}, "gradwell"), ...views.filter((one) => one.show).map((one) =>
      el("a", { href: link(one.name), "aria-current": one.name === shown.name || (shown.name === "run" && one.name === "runs") ? "page" : null }, one.title)));
    nav.append(el("button", { class: "text language", lang: language === "zh" ? "en" : "zh", title: "claims, verdicts and the manual", onclick: turn }, language === "zh" ? "English" : "中文"));
    document.title = `Gradwell: ${[shown.title, ...rest].join(" ")}`;
    const main = document.getElementById("main");
    const fresh = el("div");
    main.replaceChildren(fresh);
    if (drawn) main.focus({ preventScroll: true });
    drawn = true;
    try {
      await shown.paint(fresh, ...rest);
    } catch (error) {
      if (error instanceof Refused) fresh.append(el("p", { class: "wrong" }, error.message));
      else if (!(error instanceof TypeError && /fetch|network/i.test(error.message))) throw error;
    }
  }

  return { el, svg, real, number, when, ask, send, connected, listen, leaving, tip, say, said, link, here, view, draw, data, Refused };
})();
