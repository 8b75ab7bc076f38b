import { Duplex } from "node:stream";

/** stdin and stdout as one stream: the connection of `-X`. */
export class StandardStreams extends Duplex {
  constructor() {
    super({ allowHalfOpen: true });
    process.stdin.on("data", (octets: Buffer) => {
      if (!this.push(octets)) process.stdin.pause();
    });
    process.stdin.on("end", () => this.push(null));
    process.stdin.on("error", (error) => this.destroy(error));
    process.stdout.on("error", (error) => this.destroy(error));
  }
  override _read(): void {
    process.stdin.resume();
  }
  override _write(octets: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    process.stdout.write(octets, done);
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    process.stdin.destroy();
    done(error);
  }
}
