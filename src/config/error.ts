/** Exit code of a program whose configuration is wrong: EX_CONFIG of sysexits.h. */
export const exitConfig = 78;

/**
 * A configuration that cannot be used. `message` is `text`, then file and line, then what to do; one line, made for the
 * log and for stderr (programs print "fatal error: " before it and exit with `exitCode`).
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** What is wrong, worded as Cyrus words it where Cyrus has such an error. */
  readonly text: string;
  readonly file: string;
  /** Physical line, from 1; 0 when the error is about the file as a whole. */
  readonly line: number;
  /** What the administrator can do about it. */
  readonly hint: string;
  readonly exitCode: number;

  constructor({ text, file, line = 0, hint, exitCode = exitConfig }: ConfigErrorParts) {
    super(`${text} (${line > 0 ? `${file}:${line}` : file}: ${hint})`);
    this.text = text;
    this.file = file;
    this.line = line;
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

export interface ConfigErrorParts {
  readonly text: string;
  readonly file: string;
  readonly line?: number;
  readonly hint: string;
  readonly exitCode?: number;
}
