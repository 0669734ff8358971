// The files of a drop, folders opened; each with its path in the folder as its name.

/** [{file, path}] of what was dropped. Must be called within the drop event. */
export async function droppedFiles(transfer) {
  // The list of a drop is emptied when its event ends, so entries are taken at once.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  // The folder that was dropped is where the paths begin.
  const found = await Promise.all(entries.map((entry) => (entry.isFile ? filesOf : filesIn)(entry, "")));
  return found.flat();
}

/** [{file, path}] of what was chosen; a folder's files have their path below it. */
export function chosenFiles(list) {
  return [...list].map((file) => ({
    file,
    path: file.webkitRelativePath ? file.webkitRelativePath.split("/").slice(1).join("/") : file.name,
  }));
}

async function filesOf(entry, folder) {
  if (!entry.isFile) return filesIn(entry, `${folder}${entry.name}/`);
  const file = await new Promise((done, failed) => entry.file(done, failed));
  return [{ file, path: folder + entry.name }];
}

async function filesIn(entry, folder) {
  const reader = entry.createReader();
  const found = [];
  // A reader gives a hundred entries at a time, and none at the end.
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    for (const one of some) found.push(await filesOf(one, folder));
  }
  return found.flat();
}

const PICTURE = /\.(jpe?g|png|webp|heic|heif|tiff?|bmp)$/i;

/** What of it can be used: {photos: [{file, path}], table: {file, path} or null, others: count}. */
export function sorted(files) {
  const visible = files.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
  const photos = visible.filter(({ file, path }) => file.type.startsWith("image/") || PICTURE.test(path));
  const tables = visible.filter(({ path }) => /\.(csv|tsv|txt)$/i.test(path));
  photos.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { photos, table: tables[0] ?? null, others: visible.length - photos.length - Math.min(1, tables.length) };
}
