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
  const RARE = 6; // sections; a word in fewer may just as well be an everyday word
  const HAN = /\p{Script=Han}/u;
  const WORD = /^([^\s\p{Script=Han}]+|\p{Script=Han}{1,4})$/u; // or a name; all else is a question
  const QUESTION =
    /^(wh(y|at|en|ere|ich|o)|how|can|could|do|does|did|is|are|should|will|i|my)\b|\b(vs|versus)\b/i;
  const CHINESE = document.documentElement.lang.startsWith("zh");
  let pagefind; // a promise, once asked for
  let everything; // so is this: all sections

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
    // For a word that it does not know, Pagefind looks for a shorter one, down to a letter
    const known = ({ raw_content: content }) => {
      const whole = content.replaceAll("\u200b", "").toLowerCase();
      const start = (word) => word.slice(0, Math.max(3, word.length - 4));
      return plainWords(text).every((word) => whole.includes(start(word)));
    };
    return pages.filter(known).map((page) => {
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
    const starts = page.anchors.filter(
      (anchor) => /^(h\d|dt)$/.test(anchor.element) && anchor.text,
    );
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

  // ---- questions: the sections of all pages, by the words that they share with the question ----

  // Learners' words, each with the site's own, which is looked for in its place.
  const SAME = CHINESE
    ? [
        [/步长|\bstrides?\b/g, "步幅"],
        [/求和|总和|加起来|加在一起|合在一起/g, "相加"],
        [/图片|照片|图象|影像/g, "图像"],
        [/滤波器|过滤器|\bfilters?\b|\bkernels?\b/g, "卷积核"],
        [/反卷积|逆卷积|\bconvtranspose2d\b|\bdeconv\w*/g, "转置卷积"],
        [/特征图谱|特征映射|\bfeature ?maps?\b/g, "特征图"],
        [/大小|分辨率|长宽/g, "尺寸"],
        [/大图像?|更大的图像|图像变大|放大图像/g, "图像变大"],
        [/增加|增多|变大/g, "变多"],
        [/恢复|复原|逆运算|变回/g, "还原"],
        [/维度|维数|几维/g, "轴"],
        [/黑白|灰阶/g, "灰度"],
        [/线性层|\blinear\b/g, "全连接层"],
        [/显存/g, "内存"],
        [/\b(flops?|macs?)\b|运算量/g, "计算量"],
        [/参数(的)?(个数|数量|数目)|(多少|几)个?参数/g, "参数量"],
        [/一样|同样/g, "相同"],
        [/噪声向量|随机向量|噪声|噪音/g, "潜向量"],
        [/棋盘格|网格状?|格子/g, "棋盘"],
        [/去掉|去除|剪掉|剪枝|删去|删除/g, "删掉"],
        [/核磁共振|核磁/g, "mri"],
        [/\bbias\b/g, "偏置"],
        [/\bpadding\b/g, "填充"],
        [/\b(batch ?norm\w*|bn)\b/g, "批归一化"],
        [/\bbatch\b|批次|批量/g, "批"],
        [/单通道|(1|一)个?通道/g, "灰度"],
        [/三通道|彩色|(3|三)个?通道/g, "rgb"],
        [/四维/g, "nchw"],
        [/数量|数目/g, "个数"],
        [/乘法次数|多少次乘法|乘法/g, "乘加"],
        [/激活函数|激活/g, "激活函数"],
        [/\bweights?\b/g, "权重"],
        [/\bconv(2d)?\b/g, "卷积"],
        [/\bdilation\b|膨胀/g, "空洞"],
        [/\bflatten\b|拉平|摊平/g, "展平"],
        [/\bloss\b/g, "损失"],
        [/不动|不下降|不降|下不去|卡住/g, "停住"],
        [/放大(了)?(2|两|二|一)?倍?/g, "放大"],
        [/调大|过大/g, "太大"],
        [/\bmax ?pool\w*/g, "最大池化"],
        [/权值/g, "权重"],
        [/神经元/g, "单元"],
        [/死掉|死单元|单元死/g, "死亡单元"],
      ]
    : [
        [/\b(gr[ae]y ?scale|gray|black.and.white)\b/g, "grey"],
        [/\bcolor/g, "colour"],
        [/\b(pictures?|photos?|imgs?)\b/g, "image"],
        [
          /\b(convtranspose2d|deconv\w*|transposed? conv\w*|upconv\w*)\b/g,
          "transposed convolution",
        ],
        [/\b(convs?|conv[123]d|convolutional)\b/g, "convolution"],
        [/\bkernels?\b/g, "filter"],
        [/\b(flops?|macs?|multiply.accumulates?|computations?|expensive|cheap\w*)\b/g, "cost"],
        [/\bmax ?pool\w*/g, "max pooling"],
        [/\b(enlarg\w*|upscal\w*|magnif\w*)/g, "large"],
        [/\b(doubl\w*|twice|factor of (2|two))\b/g, "double"],
        [/\b(not?|n.t) (go\w*|decreas\w*) ?(down)?\b|\bstands? still\b|\bplateau\w*/g, "stuck"],
        [/\b(rais\w*)/g, "grow"],
        [/\bleakyrelu\b/g, "leaky relu"],
        [/\b(batch ?norm\w*|bn)\b/g, "batchnorm"],
        [/\b(increas\w*|grow\w*|grew|rise|rising)\b/g, "grow"],
        [/\b(decreas\w*|reduc\w*)\b/g, "shrink"],
        [/\b(deeper|late|later)\b/g, "deep"],
        [/\b(early|earlier|shallow)\b/g, "first"],
        [/\bformulas?\b/g, "rule"],
        [/\bmultipl\w+\b/g, "cost"],
        [/\b(dims?|dimensions?|axes)\b/g, "axis"],
        [/\b(resolution|shapes?)\b/g, "size"],
        [/\bnormali[sz]\w*/g, "normalise"],
        [/\b(downsampl\w*|halv\w*)/g, "half"],
        [/\b(shrink\w*|shr[au]nk|smaller)\b/g, "shrink"],
        [/\b(noise|latent|random) vectors?\b/g, "vector"],
        [/\b(larger|bigger|big)\b/g, "large"],
        [/\b(died?|dying)\b/g, "dead"],
        [/\b(zeros?|0)\b/g, "zero"],
        [/\b(choos\w*|chose\w*|pick\w*|select\w*|decid\w*)/g, "choose"],
        [/\b(values?|entries)\b/g, "number"],
        [/\b(los[et]|losing|disappear\w*)\b/g, "lost"],
        [/\b(keep\w*|kept|preserv\w*|stay\w*|equal|identical)\b/g, "same"],
        [/\b(undo|revers\w*|invert\w*|recover\w*|restor\w*)\b/g, "inverse"],
        [/\b(grid|artefacts?|artifacts?)\b/g, "checkerboard"],
        [/\b(leav\w* out|omit\w*)\b/g, "without"],
        [/\bneurons?\b/g, "unit"],
        [/\bcross.?entropy\w*/g, "crossentropyloss"],
        [/\b(convert\w*|transform\w*|turn\w* into)\b/g, "turn"],
        [/\bnois[ey]\b/g, "vector"],
        [/\bfinal\b/g, "last"],
        [/\b(delete|drop|prune|pruning|throw away)\b/g, "remove"],
        [/\b(dense|fully.connected)\b/g, "linear"],
        [/\binit(ial\w*)?\b/g, "initial"],
        [/\bchecker ?board\w*/g, "checkerboard"],
        [/\b(how many|number of|count\w*) (weights?|parameters?)\b/g, "count parameters"],
        [/\bround\w* (down|up)\b|\bfractions? of a pixel\b|\bdecimals?\b/g, "floor"],
      ];

  // words that say nothing of the subject
  const IDLE = CHINESE
    ? RegExp(
        `计算(?!量) 算出来 可不可以 怎么回事 为什么 怎么样 怎么办 有什么 干什么 是不是 有没有 能不能 会不会 要不要 由什么 为啥 怎么
        怎样 如何 什么 哪个 哪些 哪里 哪儿 多少 到底 究竟 应该 可以 需要 一下 这个 那个 时候 意思 有何 区别
        差别 不同 干嘛 回事 可能 用处 作用 分别 还是 或者 以及 而且 但是 不是 就是 我的 我们 请问 之后 之前
        以后 该 谁 几 吗 呢 啊 吧 呀 了 的 是 在 有 和 与 跟 把 被 让 给 从 到 会 能 要 我 你 它 就
        都 也 很 这 那 里 个 为`.replace(/\s+/g, "|"),
        "g",
      )
    : new Set(
        `a about actually all always am an and another any anyone anything are as at be because
        been between but by calculate can come comes compute computed could did didn differ
        difference do does doesn don done each else every everything everywhere exactly explain
        explained for from get gets give given gives go goes good got had happen happens has have
        here how i if in into is isn it its just let like ll m made make makes many may me mean
        means might more most much must my need no not of on one ones only or other out per point
        re really s shall should simply so some something still t take tell than that the then
        there these they thing this those to too up use used using ve versus vs want wants was way
        we were what when where whether which who why will with work works would you your`.split(
          /\s+/,
        ),
      );

  function stem(word) {
    const bare = word.replace(/(?<=\w{3})(ations?|ions?|ings?|ed|es|e|(?<!s)s|ly)$/, "");
    return bare.replace(/([bdgmnprt])\1$/, "$1");
  }

  // What a text is about: words without endings; of Chinese, every two neighbouring characters.
  function terms(text) {
    let plain = text.toLowerCase().replace(/(\d)\s*[x*]\s*(?=\d)/g, "$1×");
    for (const [theirs, ours] of SAME) plain = plain.replace(theirs, ours);
    const latin = plain.match(/\d+(?:[×.]\d+)+|\d{2,}|[a-z_]\w*/g) ?? [];
    if (!CHINESE) return latin.filter((word) => !IDLE.has(word)).map(stem);
    const runs = plain.replace(IDLE, " ").match(/[\u3400-\u9fff]+/g) ?? [];
    const pairs = (run) => [...run.slice(1)].map((character, at) => run[at] + character);
    return [...latin, ...runs.flatMap((run) => (run.length > 1 ? pairs(run) : run))];
  }

  // All sections, with what each is about: Pagefind hands out its pages' texts.
  async function readAll() {
    const found = await (await load()).search(null);
    const pages = await Promise.all(found.results.map((hit) => hit.data()));
    const all = pages.flatMap((page) => {
      const above = new Set(terms(page.meta.title));
      return sections(page).map((section) => {
        const counts = new Map();
        const words = terms(section.text);
        for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
        const titles = section.title.split(/[?？]/).map((title) => new Set(terms(title)));
        return { page, section, above, titles, counts, length: words.length };
      });
    });
    const having = new Map(); // sections, by word
    for (const { counts } of all) {
      for (const word of counts.keys()) having.set(word, (having.get(word) ?? 0) + 1);
    }
    const length = all.reduce((sum, one) => sum + one.length, 0) / all.length;
    const rarity = (word) => Math.log(1 + all.length / Math.max(having.get(word) ?? 0, RARE));
    return { all, length, rarity };
  }

  // Rare words count most, and most of all in a heading (or one question of it) that has little
  // else; a section should have all of them. Two results of a page are enough.
  async function withMost(text) {
    everything ??= readAll();
    const { all, length, rarity } = await everything.catch((error) => {
      everything = undefined;
      throw error;
    });
    const asked = [...new Set(terms(text))];
    const sum = (words) => words.reduce((total, word) => total + rarity(word), 0);
    const whole = sum(asked);
    const scored = all.map((one) => {
      const share = (word) => {
        const count = one.counts.get(word) ?? 0;
        const often = count / (count + 0.4 + (0.8 * one.length) / length); // as BM25 has it
        return rarity(word) * (often + (one.above.has(word) ? 0.8 : 0));
      };
      const inTitle = Math.max(...one.titles.map((title) => {
        const named = sum(asked.filter((word) => title.has(word)));
        return named && named * (1.6 + (3 * named) / Math.sqrt(sum([...title]) * whole));
      }));
      const inText = asked.reduce((total, word) => total + share(word), 0);
      const score = inText + inTitle;
      const had = asked.filter((word) => one.counts.has(word) || one.above.has(word));
      return { ...one, score: (score * weightOf(one.section.url) * sum(had)) / whole };
    });
    const results = new Map(); // by page
    return scored
      .filter((one) => one.score > 0)
      .sort((one, other) => other.score - one.score)
      .filter(({ page }) => {
        results.set(page, (results.get(page) ?? 0) + 1);
        return results.get(page) <= 2;
      })
      .slice(0, MOST);
  }

  // What answers a question: rather what was asked before than lists of names, papers, pictures.
  function weightOf(url) {
    if (/\/references?[/.]|\/gallery\/(\w+\/)?(index\.html)?(#|$)/.test(url)) return 0.4;
    if (/\/glossary\.html/.test(url)) return 0.7;
    return /\/questions\.html#/.test(url) ? 1.25 : 1;
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
    const asks = HAN.test(message)
      ? plainWords(message).length < SENTENCE * 2
      : /[?？]$/.test(message) || QUESTION.test(message);
    const isError = !asks && plainWords(message).length >= SENTENCE && /[[(_'":=]/.test(text);
    const ways = isError
      ? [() => withAny(message), withAll]
      : WORD.test(text) ? [withAll, withMost] : [withMost, withAll, withAny];
    for (const way of ways) {
      const found = await way(text);
      if (found.length) return found;
    }
    return [];
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
