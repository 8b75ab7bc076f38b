import { createWriteStream, statSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { CredentialFilter } from "./credential-filter.ts";

const hidden = Buffer.from("[redacted]\r\n");

/** Output waiting for the disk beyond which telemetry of a session is dropped rather than held in memory. */
const pendingLimitOctets = 4 * 1024 * 1024;

/**
 * A user's protocol log. It exists only while the administrator keeps the directory `configdirectory/log/USER`; each burst
 * from the client is preceded by `<EPOCH<`, each from the server by `>EPOCH>`.
 */
export class Telemetry {
  readonly #file: WriteStream;
  readonly #now: () => number;
  readonly #filter = new CredentialFilter();

  private constructor(file: WriteStream, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  /**
   * @param options.fileName `SERVICE-PID.N` or `SERVICE-SESSIONID`
   * @returns undefined when the user has no telemetry directory or the names are not fit for a path
   */
  static open(options: {
    configDirectory: string;
    userid: string;
    fileName: string;
    onError: (error: Error) => void;
    now?: () => number;
  }): Telemetry | undefined {
    const { configDirectory, userid, fileName, onError, now = Date.now } = options;
    if (!isPathComponent(userid) || !isPathComponent(fileName)) return undefined;
    const directory = join(configDirectory, "log", userid);
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
    // 0600, not Cyrus's 0644: the file holds mail.
    const file = createWriteStream(join(directory, fileName), { flags: "a", mode: 0o600 });
    file.on("error", onError);
    file.write(`---------- ${userid} ${ctime(now())}\n\n`);
    return new Telemetry(file, now);
  }

  received(octets: Uint8Array, redacted: boolean): void {
    this.#append(`\n<${Math.floor(this.#now() / 1000)}<`, redacted ? hidden : this.#filter.filter(octets));
  }

  sent(octets: Uint8Array): void {
    this.#append(`\n>${Math.floor(this.#now() / 1000)}>`, octets);
  }

  /** Resolves when all is written, or never will be. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#file.once("close", () => resolve());
      this.#file.end();
    });
  }

  #append(head: string, octets: Uint8Array): void {
    if (this.#file.destroyed || this.#file.writableLength > pendingLimitOctets) return;
    this.#file.write(head);
    this.#file.write(octets);
  }
}

function isPathComponent(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && name.length <= 255 && !/[/\x00-\x1f\x7f]/.test(name);
}

/** `Tue Nov 24 13:36:00 2026`, local time. */
function ctime(epochMs: number): string {
  const [day = "", month = "", date = "", year = "", time = ""] = new Date(epochMs).toString().split(" ");
  return `${day} ${month} ${date} ${time} ${year}`;
}
