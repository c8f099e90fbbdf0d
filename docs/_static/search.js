// The sidebar's search box: Pagefind's index, loaded when a reader first turns to the box.
(() => {
  const box = document.querySelector(".site-search");
  const input = box.querySelector("input");
  const results = box.querySelector(".site-search-results");
  const MOST = 8; // results shown
  const SENTENCE = 4; // words; so many, with signs between them, are taken for an error text
  const LONGEST = 40; // words of an error text that are looked for
  const EXCERPT = 18; // words
  const PAUSE = 150; // milliseconds without a key, after which the search begins
  let pagefind; // a promise, once asked for

  function load() {
    pagefind ??= import(new URL(box.dataset.bundle + "pagefind.js", document.baseURI))
      .then(async (module) => {
        await module.options({ excerptLength: EXCERPT });
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

  function plainWords(text) {
    return text.toLowerCase().match(/[a-z_]\w*/g) ?? [];
  }

  // Pairs of neighbouring words: numbers, brackets and quotes between them do not count.
  function pairs(text) {
    const words = plainWords(text);
    return words.slice(1).map((word, at) => `${words[at]} ${word}`);
  }

  function best(sections, score) {
    return sections.reduce((one, other) => (score(other) > score(one) ? other : one));
  }

  // ---- as typed: pages with all of the words ----

  async function withAll(text) {
    const found = await (await load()).search(text);
    const pages = await Promise.all(found.results.slice(0, MOST).map((hit) => hit.data()));
    return pages.map((page) => {
      const texts = new Map(sections(page).map((section) => [section.url, pairs(section.text)]));
      const together = ({ url }) => pairs(text).filter((pair) => texts.get(url)?.includes(pair));
      const score = (section) => weight(section) * (1 + 10 * together(section).length);
      // Pagefind may have found the words in the page's title only
      const whole = { ...page, title: page.meta.title, weighted_locations: [] };
      return { page, section: best([whole, ...page.sub_results], score) };
    });
  }

  function weight(section) {
    return section.weighted_locations.reduce((sum, word) => sum + word.balanced_score, 0);
  }

  // ---- error texts: numbers and names are the reader's own, the other words torch's ----

  // Pages with any of the words, those with rare words first; then, of these, the sections that
  // have words and pairs of words in common with the text, rare ones and headings above all.
  async function withAny(text) {
    const index = await load();
    const words = [...new Set(plainWords(text))].slice(0, LONGEST);
    const hits = new Map(); // by page
    const searches = [text, ...words].map((some) => index.search(some));
    for (const { results: found } of await Promise.all(searches)) {
      for (const hit of found) {
        const known = hits.get(hit.id) ?? { hit, score: 0 };
        hits.set(hit.id, { hit, score: known.score + 1 / found.length });
      }
    }
    const likely = [...hits.values()].sort((one, other) => other.score - one.score).slice(0, MOST);
    const pages = await Promise.all(likely.map(({ hit }) => hit.data()));

    const parts = (some) => new Set([...plainWords(some), ...pairs(some)]);
    const scored = pages.flatMap((page) =>
      sections(page).map((section) => ({ page, section, score: 0, text: parts(section.text) })),
    );
    for (const part of parts(text)) {
      const having = scored.filter((one) => one.text.has(part));
      for (const one of having) {
        one.score += (parts(one.section.title).has(part) ? 3 : 1) / having.length;
      }
    }
    const ranked = pages
      .map((page) => best(scored.filter((one) => one.page === page), (one) => one.score))
      .sort((one, other) => other.score - one.score);
    return ranked.filter((one) => one.score > ranked[0].score / 4);
  }

  function sections(page) {
    const chinese = page.raw_content.includes("\u200b"); // Pagefind's mark between Chinese words
    const words = page.raw_content.split(chinese ? "\u200b" : /\s+/);
    const starts = page.anchors.filter((anchor) => /^h\d$/.test(anchor.element) && anchor.text);
    starts.unshift({ text: page.meta.title, location: 0 });
    const join = (some) => some.join(chinese ? "" : " ");
    return starts.map(({ id, text: title, location }, at) => {
      const inside = words.slice(location, starts[at + 1]?.location);
      const begin = inside.findIndex((_, end) => join(inside.slice(0, end)).length >= title.length);
      // Pagefind ends a heading with a full stop
      const excerpt = join(inside.slice(begin, begin + EXCERPT)).replace(/^[.\s]+/, "");
      return { title, url: id ? `${page.url}#${id}` : page.url, text: join(inside), excerpt };
    });
  }

  // ---- what is shown ----

  function line(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  function show({ page, section }) {
    const link = document.createElement("a");
    link.href = section.url;
    link.append(line("strong", page.meta.title));
    if (section.title !== page.meta.title) link.append(line("em", section.title));
    const excerpt = document.createElement("span");
    excerpt.innerHTML = section.excerpt; // escaped by Pagefind, but for its <mark>
    link.append(excerpt);
    return link;
  }

  async function find(text) {
    // what a traceback says before the message, or at least the name of the error
    const message = text.replace(/^.*(Error|Exception|Warning):\s/s, "");
    const isError = plainWords(message).length >= SENTENCE && /[\d[(_'":=]/.test(text);
    const found = isError ? await withAny(message) : await withAll(text);
    if (found.length) return found;
    return isError ? withAll(text) : withAny(message);
  }

  async function search() {
    const text = input.value.trim();
    if (!text) return say("");
    say(results.dataset.searching);
    await new Promise((resume) => setTimeout(resume, PAUSE));
    if (text !== input.value.trim()) return; // the reader has typed on
    try {
      const found = await find(text);
      if (text !== input.value.trim()) return;
      if (found.length) results.replaceChildren(...found.map(show));
      else say(results.dataset.none);
    } catch (error) {
      sayWhatFailed();
    }
  }

  input.addEventListener("focus", () => load().catch(sayWhatFailed), { once: true });
  input.addEventListener("input", search);
})();
