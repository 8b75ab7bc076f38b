/** Something an administrator should look at. The text says what is wrong and what to do. */
export interface Finding {
  readonly file: string;
  /** From 1; 0 when the finding is about the file as a whole. */
  readonly line: number;
  readonly text: string;
  /** Set for settings that are no option: Cyrus's tool prints these, and nothing else. */
  readonly unknown?: { readonly name: string; readonly value: string };
}

/** `FILE:LINE: TEXT`, as compilers do, so that editors can jump to it. */
export function formatFinding({ file, line, text }: Finding): string {
  return line > 0 ? `${file}:${line}: ${text}` : `${file}: ${text}`;
}
