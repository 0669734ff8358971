// Start the page: words first, then its panels.

import { answerPanel } from "./answer.js";
import * as api from "./api.js";
import { cardDialog } from "./card.js";
import { show } from "./dom.js";
import { LANGUAGES, language, preferred, speak, t } from "./messages.js";
import { loadNames } from "./names.js";
import { goneNotice } from "./notice.js";
import { peek } from "./peek.js";
import { photosPanel } from "./photos.js";
import { reportFiles } from "./report_files.js";
import { steady } from "./steady.js";
import { Stone } from "./stone.js";
import { testsPanel } from "./tests.js";
import { setUpTheme } from "./theme.js";
import { loadTests } from "./vocabulary.js";

const byId = (id) => document.getElementById(id);
const wide = matchMedia("(min-width: 60rem)");

/** Load everything that is told in a language, then speak it. */
async function inLanguage(chosen, keep = false) {
  await Promise.all([loadTests(chosen), loadNames(chosen)]);
  await speak(chosen, api.messages, keep);
}

function start() {
  const stone = new Stone();
  const stoneView = byId("stone");
  const openCard = cardDialog(byId("card"), () => stone.readings);
  const tests = testsPanel(byId("tests"), stone);
  const photos = photosPanel(byId("photos"), stone);
  const answer = answerPanel(stoneView, stone, { openTest: tests.open, openCard, keep: steady(byId("tests")), say });
  const strip = peek(byId("peek"), byId("lead"), stone);
  const gone = goneNotice(byId("gone"), () => stone.ask(0));
  let collection = null;

  stone.addEventListener("gone", (event) => gone(event.detail));
  reportFiles(stoneView, stone);
  setUpOptions(stone);
  byId("clear").addEventListener("click", () => stone.clear());
  stone.addEventListener("answer", () => show(byId("clear"), !stone.isEmpty));
  stone.addEventListener("reading", () => show(byId("clear"), !stone.isEmpty));
  stone.addEventListener("photos", () => show(byId("clear"), !stone.isEmpty));

  // The document's order is the order on the screen, on a phone and on a desktop.
  const place = () => (wide.matches ? byId("right").prepend(byId("lead")) : byId("tests-part").before(byId("lead")));
  wide.addEventListener("change", place);
  place();

  const retell = () => {
    tests.build();
    photos.build();
    answer.tell();
    strip.tell();
    collection?.tell();
    themeWords();
    byId("language").textContent = t("language.other");
    byId("language").lang = language() === "en" ? "zh-CN" : "en";
    document.title = t("title");
  };
  let isDark = false;
  const themeWords = () => byId("theme").setAttribute("aria-label", t(isDark ? "theme.light" : "theme.dark"));
  setUpTheme(byId("theme"), (now) => {
    isDark = now;
    themeWords();
  });
  byId("language").addEventListener("click", async () => {
    const other = LANGUAGES[(LANGUAGES.indexOf(language()) + 1) % LANGUAGES.length];
    try {
      await inLanguage(other, true);
      retell();
    } catch (error) {
      if (!(error instanceof api.Gone)) throw error;
      gone(true);
    }
  });

  // A stone of the collection is looked at like any other; its newer answer can be taken back.
  let keep = null;
  const openStone = (given, keepIt) => {
    stone.clear(given);
    keep = keepIt;
    show(byId("from"), true);
    location.hash = "#";
  };
  byId("back").addEventListener("click", () => {
    if (stone.report) keep?.(stone.report);
    location.hash = "#collection";
  });
  byId("clear").addEventListener("click", () => show(byId("from"), false));

  const views = async () => {
    const isCollection = location.hash === "#collection";
    if (isCollection && !collection) {
      const { collectionPanel } = await import("./collection/panel.js");
      collection = collectionPanel(byId("collection"), { openCard, openStone, gone, say });
      collection.tell();
    }
    show(byId("collection"), isCollection);
    show(stoneView, !isCollection);
    strip.tell();
    for (const link of document.querySelectorAll("nav a"))
      if ((link.hash === "#collection") === isCollection) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
  };
  window.addEventListener("hashchange", views);
  retell();
  views();
}

/** Tell who does not see the page; the last words win. */
let saying = 0;
function say(words) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    byId("say").textContent = words;
  }, 300);
}

function setUpOptions(stone) {
  for (const select of document.querySelectorAll("[data-option]"))
    select.addEventListener("change", () => stone.setOption(select.dataset.option, select.value));
}

async function begin() {
  try {
    await inLanguage(preferred());
  } catch (error) {
    if (!(error instanceof api.Gone || error instanceof api.Problem)) throw error;
    // Without the server there are no words but the ones in the page itself.
    const notice = byId("gone");
    show(notice, true);
    notice.querySelector("button").addEventListener("click", () => location.reload());
    return;
  }
  document.documentElement.classList.add("is-ready");
  start();
}

begin();
