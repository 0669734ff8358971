// Make a photograph small enough to send: at most 1024 pixels a side, as JPEG.

export const LONGEST_SIDE = 1024;
const SMALL_BYTES = 600_000;
const KEEPABLE = new Set(["image/jpeg", "image/png", "image/webp"]);
const QUALITY = 0.9;

/** The photograph to send. One that this browser cannot read (HEIC, say) goes as it is. */
export async function shrink(file) {
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  try {
    const longest = Math.max(picture.width, picture.height);
    const small = longest <= LONGEST_SIDE && file.size <= SMALL_BYTES && KEEPABLE.has(file.type);
    if (small) return file;
    return (await drawn(picture, Math.min(1, LONGEST_SIDE / longest))) ?? file;
  } finally {
    picture.close();
  }
}

function drawn(picture, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  if (!context) return null;
  // JPEG has no transparency: what is see-through lies on white, as the server would have it.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}
