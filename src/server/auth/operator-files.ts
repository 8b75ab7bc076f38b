import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import { CachedFile } from "./cached-file.ts";
import { type DenyEntry, matchesWildmatList, parseUserDeny } from "./user-deny.ts";

/** Longest text shown to clients from a file; more is cut. */
const maxTextCharacters = 1_024;

/** Files by which an operator speaks to running services. Each look is cheap enough for every command. */
export class OperatorFiles {
  readonly #service: string;
  readonly #shutdown: CachedFile<string | undefined>;
  readonly #serviceShutdown: CachedFile<string | undefined>;
  readonly #motd: CachedFile<string | undefined>;
  readonly #deny: CachedFile<Map<string, DenyEntry>>;

  constructor(options: {
    configDirectory: string;
    /** Default `configdirectory/user_deny.db`. */
    userDenyPath?: string | undefined;
    service: string;
    log: Log;
  }) {
    const { configDirectory, service, log } = options;
    const onError = (error: Error): void => log.err(`IOERROR: ${error.message}`);
    const text = (name: string): CachedFile<string | undefined> =>
      new CachedFile({ path: join(configDirectory, "msg", name), parse: firstLine, absent: undefined, onError });
    this.#service = service;
    this.#shutdown = text("shutdown");
    this.#serviceShutdown = text(`shutdown.${service.replaceAll("/", "")}`);
    this.#motd = text("motd");
    const path = options.userDenyPath ?? join(configDirectory, "user_deny.db");
    this.#deny = new CachedFile({
      path,
      parse: (octets) => parseUserDeny(octets, (problem) => log.err(`${path}: ${problem}`)),
      absent: new Map(),
      onError,
    });
  }

  /** Why the service is being shut down; undefined when it is not. */
  shutdownText(): string | undefined {
    return this.#shutdown.get() ?? this.#serviceShutdown.get();
  }

  /** Message of the day, leading "[" taken off so that it cannot look like a response code. */
  motd(): string | undefined {
    return this.#motd.get()?.replace(/^\[+/, "");
  }

  /** False while user_deny.db cannot be read and never was: it may name anybody. */
  get denialsKnown(): boolean {
    return this.#deny.isKnown;
  }

  /** The message for a user who may not use this service; undefined for all others. */
  denial(userid: string): string | undefined {
    const entry = this.#deny.get().get(userid);
    return entry !== undefined && matchesWildmatList(entry.services, this.#service) ? entry.message : undefined;
  }
}

function firstLine(octets: Buffer): string {
  const [line = ""] = octets.toString("utf8", 0, 4 * maxTextCharacters).split(/\r?\n/, 1);
  return line.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, maxTextCharacters);
}
