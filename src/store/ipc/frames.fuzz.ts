import type { FuzzTarget } from "../../base/fuzz.ts";
import { encodeFrame, FrameError, FrameReader } from "./frames.ts";

const seeds = [encodeFrame({ t: "hello" }), encodeFrame({ t: "ask", id: 1 }, [Buffer.from("octets"), Buffer.alloc(0)])];

export const target: FuzzTarget = {
  name: "frames between workers and writer",
  seeds: seeds.map((pieces) => Buffer.concat(pieces)),
  run(octets) {
    const reader = new FrameReader();
    try {
      reader.push(Buffer.from(octets), () => {});
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
    }
  },
};
