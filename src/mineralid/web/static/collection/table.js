// A collection as CSV: what was answered, what the person says, and the columns carried along.

import { csv } from "../csv.js";
import { named } from "../names.js";
import { doubted } from "./told.js";

const OWN = [
  "row", "photos", "answer", "name", "level", "probability", "corrected", "prediction_set", "unknown", "readings", "doubted", "error",
];

/** The text of the file. */
export function collectionCsv(rows) {
  const carried = [...new Set(rows.flatMap(({ report }) => Object.keys(report.carried)))];
  const head = [...OWN, ...carried.map((name) => (OWN.includes(name) ? `carried_${name}` : name))];
  return csv([head, ...rows.map((row, index) => cells(row, index, carried))]);
}

function cells(row, index, carried) {
  const { report } = row;
  return [
    report.row ?? index + 1,
    report.photos.join("|"),
    report.answer ?? "",
    report.answer ? named(report.answer) : "",
    report.level ?? "",
    report.answer_probability ?? report.candidates[0]?.probability ?? "",
    row.mineral,
    report.prediction_set.join("|"),
    report.unknown ?? "",
    report.readings.map((reading) => `${reading.test}=${reading.value || reading.given}`).join("|"),
    doubted(row).join("|"),
    report.error ?? "",
    ...carried.map((name) => report.carried[name] ?? ""),
  ];
}
