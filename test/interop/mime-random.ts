/** Random messages, made of the pieces at which MIME readers decide; the same ones for the same seed. */
import { randomNumbers } from "../../src/base/fuzz.ts";

const words =
  'a|b|"|\\| |\t|<|>|@|(|)|,|:|;|.|\r\n |\r\n\t|=|%|*|\'|/|[|]|x y|"q r"|(c)|\xe9|\x01|-|0|us|<a@b>|c@d|g:'.split("|");
const bodyLines =
  "--b|--b|--b|--c|--b--|--c--|--bb|--bb--|--b |--b\t |--bx||||text|--| x|more text|--b-- x|--b--x|--c-- ".split("|");
/** Field, fixed starts of its value, and how many random words may follow. */
const fields: readonly (readonly [string, readonly string[], number])[] = [
  ["From", [""], 14],
  ["To", [""], 14],
  ["Cc", [""], 10],
  ["Sender", [""], 8],
  ["Subject", [""], 8],
  ["Date", [""], 6],
  ["Message-ID", [""], 6],
  ["Content-Type", ["text/plain; charset=", "image/gif; name*0=", "message/rfc822", "text", "", "x/y "], 10],
  ["Content-Type", ["multipart/mixed; boundary=b", "multipart/digest; boundary=c", "multipart/x; boundary=bb"], 1],
  ["Content-Type", ["message/rfc822"], 1],
  ["Content-Disposition", ["attachment", "inline; ", "x"], 10],
  ["Content-Language", [""], 7],
  ["Content-Transfer-Encoding", ["base64", "8bit", "quoted-printable", ""], 3],
  ["Content-ID", [""], 5],
  ["Content-Location", [""], 5],
  ["Content-Description", [""], 5],
  ["Content-MD5", [""], 3],
  ["X-Y", [""], 4],
];

export function randomMessages(seed: number, count: number): Buffer[] {
  const random = randomNumbers(seed);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const field = (): string => {
    const [name, starts, most] = pick(fields);
    let value = pick(starts);
    for (let n = random(most); n > 0; n--) value += pick(words);
    // A fold must have something behind it, or the header ends here.
    return `${name}: ${value.replaceAll(/\r\n(?=\r\n|$)/g, "").replace(/(\r\n[ \t]*)+$/, "")}\r\n`;
  };
  return Array.from({ length: count }, () => {
    let text = "";
    for (let n = random(6); n >= 0; n--) text += field();
    text += "\r\n";
    for (let n = random(24); n > 0; n--) text += random(4) === 0 ? field() : `${pick(bodyLines)}\r\n`;
    return Buffer.from(random(6) === 0 ? text.slice(0, -2) : text, "latin1");
  });
}
