// A popup with the glossary's entry beside a term that the reader points at, turns to or taps.
(() => {
  const root = new URL("../", document.currentScript.src);
  const REST = 300; // milliseconds that a pointer rests on a term before its entry shows
  const LEAVE = 250; // milliseconds for the way from the term to the popup
  const GAP = 6; // pixels between the two
  let popup; // made when first needed
  let shown = null; // the term whose entry is shown
  let timer;
  let tap = null; // what was shown when a finger came down on the page
  let loading;

  const termAt = (target) => target.closest?.("[data-term]");

  function load() {
    loading ??= new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = new URL("_static/terms-data.js", root);
      script.onload = () => resolve(window.cnnguideTerms);
      script.onerror = () => resolve({}); // the links still lead to the glossary
      document.head.append(script);
    });
    return loading;
  }

  function makePopup() {
    const made = document.createElement("div");
    made.id = "term-popup";
    made.setAttribute("role", "tooltip");
    document.body.append(made);
    return made;
  }

  async function show(term) {
    clearTimeout(timer);
    if (shown === term) return;
    hide();
    shown = term;
    const entry = (await load())[term.dataset.term];
    if (shown !== term || !entry) return; // the reader has moved on
    popup ??= makePopup();
    popup.innerHTML = entry;
    for (const link of popup.querySelectorAll("a")) {
      link.href = new URL(link.getAttribute("href"), root); // was written for the glossary's page
      link.tabIndex = -1; // keys reach it by way of the glossary: see role="tooltip"
    }
    popup.hidden = false;
    term.setAttribute("aria-describedby", popup.id);
    place(term);
  }

  function place(term) {
    const box = term.getClientRects()[0]; // of its first line, where it is broken
    const right = document.documentElement.clientWidth - popup.offsetWidth - GAP;
    const above = box.top - GAP - popup.offsetHeight;
    const below = box.bottom + GAP;
    const fits = below + popup.offsetHeight <= innerHeight || above < 0;
    popup.style.left = `${scrollX + Math.max(GAP, Math.min(box.left, right))}px`;
    popup.style.top = `${scrollY + (fits ? below : above)}px`;
  }

  function hide() {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    shown = null;
    if (popup) popup.hidden = true;
  }

  function later(act, pause) {
    clearTimeout(timer);
    timer = setTimeout(act, pause);
  }

  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType === "touch") return;
    const term = termAt(target);
    if (term) later(() => show(term), shown ? LEAVE : REST);
    else if (popup?.contains(target)) clearTimeout(timer);
    else if (shown && shown !== document.activeElement) later(hide, LEAVE);
    else clearTimeout(timer);
  });
  document.addEventListener("focusin", ({ target }) => {
    const term = termAt(target);
    if (term) show(term);
    else if (!popup?.contains(target)) hide();
  });
  document.addEventListener("pointerdown", ({ pointerType, target }) => {
    tap = pointerType === "touch" ? { shown } : null;
    if (tap && shown && !termAt(target) && !popup?.contains(target)) hide();
  });
  document.addEventListener("click", (event) => {
    const term = termAt(event.target);
    if (tap && term && tap.shown !== term) {
      event.preventDefault(); // the first tap shows, the second follows the link
      show(term);
    }
    tap = null;
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  addEventListener("resize", hide);
})();
