/** The base subject of SORT and THREAD (RFC 5256 §2.1); the steps have its numbers. */
import { decodeWords } from "./encoded-words.ts";

/** Artefacts cut off one after the other at most; more are no sign of a reply but of an attack. */
const maxArtefacts = 1_000;

export interface BaseSubject {
  /** Unicode, white space merged, artefacts removed; case as it was. */
  readonly text: string;
  /** Something showed that the message is a reply or was forwarded. */
  readonly isReply: boolean;
}

/** @param subject the Subject's value, latin1, unfolded, encoded words not decoded */
export function baseSubject(subject: string): BaseSubject {
  // (1) Unicode, one space for each run of white space.
  let text = decodeWords(subject)
    .replaceAll(/[ \t\r\n]+/g, " ")
    .trim();
  let isReply = false;
  for (let count = 0; count < maxArtefacts; count++) {
    const before = text;
    // (2) Trailers.
    while (/ ?\(fwd\)$/i.test(text) || text.endsWith(" ")) {
      if (text.endsWith(" ")) text = text.trimEnd();
      else {
        text = text.slice(0, -5).trimEnd();
        isReply = true;
      }
    }
    // (3) to (5) Leaders and blobs.
    for (let n = 0; n < maxArtefacts; n++) {
      const leader = leaderLength(text);
      if (leader > 0) {
        text = text.slice(leader);
        isReply = true;
        continue;
      }
      // (4) No leader follows the blobs, however many are cut off, so all go at once. One stays when nothing would be left.
      text = text.slice(lengthWithoutLast(text));
      break;
    }
    // (6) "[fwd: ... ]".
    if (/^\[fwd:.*\]$/i.test(text)) {
      text = text.slice(5, -1).trim();
      isReply = true;
      continue;
    }
    if (text === before) break;
  }
  return { text, isReply };
}

/** subj-leader = (*subj-blob subj-refwd) / WSP. @returns 0 when there is none */
function leaderLength(text: string): number {
  if (text.startsWith(" ")) return 1;
  let at = 0;
  for (let blob = blobLength(text, at); blob > 0; blob = blobLength(text, at)) at += blob;
  const keyword = /^(?:re|fwd?) ?/i.exec(text.slice(at, at + 8));
  if (!keyword) return 0;
  at += keyword[0].length;
  at += blobLength(text, at);
  if (text[at] !== ":") return 0;
  return at + 1;
}

/** How much of the text is blobs; without the last of them where that is all there is. */
function lengthWithoutLast(text: string): number {
  let at = 0;
  for (;;) {
    const blob = blobLength(text, at);
    if (blob === 0 || at + blob === text.length) return at;
    at += blob;
  }
}

/** subj-blob = "[" *BLOBCHAR "]" *WSP. @returns 0 when there is none */
function blobLength(text: string, at: number): number {
  if (text[at] !== "[") return 0;
  for (let p = at + 1; p < text.length; p++) {
    const c = text[p];
    if (c === "[") return 0;
    if (c === "]") return p + 1 - at + (text[p + 1] === " " ? 1 : 0);
  }
  return 0;
}
