// The tests that the server knows, with their words in the language of the page.

import * as api from "./api.js";
import { language, t, has } from "./messages.js";

const tables = new Map();

/** Load the tests' words in a language. */
export async function loadTests(lang) {
  if (!tables.has(lang)) tables.set(lang, await api.tests(lang));
}

/** All tests, in the order of the server's table. */
export function tests() {
  return tables.get(language()).tests;
}

/** What the server takes at most: photos of one stone, batch_photos, bytes. */
export function limits() {
  return tables.get(language()).limits;
}

/** One test, or undefined. */
export function test(name) {
  return tests().find((each) => each.name === name);
}

/** A test's name in the language of the page. */
export function testLabel(name) {
  return test(name)?.label ?? name;
}

/** The token of a test's word as a report writes it ("greenish black"), or null. */
export function tokenOf(name, word) {
  const token = word.trim().replaceAll(" ", "-");
  return test(name)?.words?.some((each) => each.token === token) ? token : null;
}

/** A word of a test in the language of the page. */
export function wordLabel(name, token) {
  return test(name)?.words?.find((each) => each.token === token)?.label ?? token;
}

/** The line that explains a word: the page's own, else the server's. */
export function wordMeaning(name, word) {
  const key = `word.${name}.${word.token}`;
  return has(key) ? t(key) : word.meaning;
}

/** A colour of streak as CSS, or null for "none". */
export function streakColor(token) {
  const rgb = test("streak")?.words?.find((each) => each.token === token)?.rgb;
  return rgb ? `rgb(${rgb.join(" ")})` : null;
}
