/** A large message on its way: a file below `stage.` of a partition, durable before the writer is asked to take it over. */
import { type FileHandle, copyFile, mkdir, open, unlink } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { createFile, syncDirectory } from "../../base/files.ts";
import { stageDirectory, stagePath } from "../../store/index.ts";
import { STAGE_WRITE_OCTETS } from "./limits.ts";

export class StagedFile {
  /** What requests to the writer call it by. */
  readonly name: string;
  /** Directory of its partition. */
  readonly root: string;
  #file: FileHandle | undefined;
  #parts: Buffer[] = [];
  #partsOctets = 0;

  private constructor(root: string, name: string) {
    this.root = root;
    this.name = name;
  }

  /** @param root the partition's directory. Nothing is on disk before the first write. */
  static begin(root: string): StagedFile {
    return new StagedFile(root, `lmtp-${randomBytes(12).toString("hex")}`);
  }

  /** @returns a promise when it must be waited for before more is pushed */
  push(octets: Buffer): Promise<void> | undefined {
    this.#parts.push(octets);
    this.#partsOctets += octets.length;
    return this.#partsOctets >= STAGE_WRITE_OCTETS ? this.#write() : undefined;
  }

  /** Makes it durable, with its name. */
  async finish(): Promise<void> {
    await this.#write();
    await this.#file?.sync();
    await this.#close();
    await syncDirectory(stageDirectory(this.root));
  }

  /** A durable copy for another partition. */
  async copyTo(root: string): Promise<StagedFile> {
    const copy = StagedFile.begin(root);
    const path = stagePath(root, copy.name);
    try {
      await mkdir(stageDirectory(root), { recursive: true, mode: 0o700 });
      await copyFile(stagePath(this.root, this.name), path);
      const file = await open(path, "r+");
      try {
        await file.chmod(0o600);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncDirectory(stageDirectory(root));
    } catch (error) {
      await copy.remove();
      throw error;
    }
    return copy;
  }

  /** When the writer did not take it. */
  async remove(): Promise<void> {
    this.#parts = [];
    await this.#close();
    try {
      await unlink(stagePath(this.root, this.name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #write(): Promise<void> {
    this.#file ??= await createFile(stagePath(this.root, this.name));
    const parts = this.#parts;
    this.#parts = [];
    this.#partsOctets = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; ) at += (await this.#file.write(part, at)).bytesWritten;
    }
  }
}
