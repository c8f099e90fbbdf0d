// The sidebar's search box: Pagefind's index, loaded when a reader first turns to the box.
(() => {
  const box = document.querySelector(".site-search");
  const input = box.querySelector("input");
  const results = box.querySelector(".site-search-results");
  const MOST = 8; // results shown
  let pagefind; // a promise, once asked for

  function load() {
    pagefind ??= import(new URL(box.dataset.bundle + "pagefind.js", document.baseURI))
      .then(async (module) => {
        await module.options({ excerptLength: 18 });
        await module.init();
        return module;
      })
      .catch((error) => {
        pagefind = undefined; // so that the next key tries again
        throw error;
      });
    return pagefind;
  }

  function say(text) {
    results.textContent = text;
  }

  function sayWhatFailed() {
    // browsers load no modules from file://
    say(location.protocol === "file:" ? results.dataset.offline : results.dataset.failed);
  }

  function show(page) {
    const link = document.createElement("a");
    link.href = page.url;
    const title = document.createElement("strong");
    title.textContent = page.meta.title;
    const excerpt = document.createElement("span");
    excerpt.innerHTML = page.excerpt; // escaped by Pagefind, but for its <mark>
    link.append(title, excerpt);
    return link;
  }

  async function search() {
    const words = input.value.trim();
    if (!words) return say("");
    say(results.dataset.searching);
    try {
      const found = await (await load()).debouncedSearch(words, {}, 150);
      if (found === null) return; // the reader has typed on
      const pages = await Promise.all(found.results.slice(0, MOST).map((hit) => hit.data()));
      if (words !== input.value.trim()) return;
      if (pages.length) results.replaceChildren(...pages.map(show));
      else say(results.dataset.none);
    } catch (error) {
      sayWhatFailed();
    }
  }

  input.addEventListener("focus", () => load().catch(sayWhatFailed), { once: true });
  input.addEventListener("input", search);
})();
