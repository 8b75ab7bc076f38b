import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TimerNode, TimerWheel } from "./timer-wheel.ts";

class Node extends TimerNode {
  readonly fired: number[] = [];
  readonly #now: () => number;
  constructor(now: () => number) {
    super();
    this.#now = now;
  }
  override expired(): void {
    this.fired.push(this.#now());
  }
}

interface Bench {
  readonly clock: { now: number };
  readonly wheel: TimerWheel;
  readonly errors: unknown[];
  node(): Node;
  /** Moves the clock in small steps, working off each. */
  advance(milliseconds: number): void;
}

function bench(): Bench {
  const errors: unknown[] = [];
  const clock = { now: 5_000 };
  const now = (): number => clock.now;
  const wheel = new TimerWheel({ tickMs: 1_000, now, onError: (error) => errors.push(error) });
  return {
    clock,
    errors,
    wheel,
    node: () => new Node(now),
    advance(milliseconds) {
      for (const end = clock.now + milliseconds; clock.now < end; ) {
        clock.now = Math.min(end, clock.now + 250);
        wheel.advance();
      }
    },
  };
}

test("fires once, not before its time and at most one tick after", () => {
  const { wheel, node, advance } = bench();
  const one = node();
  wheel.arm(one, 1_500);
  advance(1_499);
  assert.deepEqual(one.fired, []);
  advance(1_001);
  assert.equal(one.fired.length, 1);
  advance(10_000_000);
  assert.equal(one.fired.length, 1);
  wheel.stop();
});

test("moved out, moved nearer, disarmed, far beyond one turn of the wheel", () => {
  const { wheel, node, advance } = bench();
  const [late, soon, never, far] = [node(), node(), node(), node()];
  wheel.arm(late, 2_000);
  wheel.arm(late, 60_000);
  wheel.arm(soon, 60_000);
  wheel.arm(soon, 2_000);
  wheel.arm(never, 2_000);
  wheel.disarm(never);
  wheel.disarm(never);
  wheel.arm(far, 1_800_000);
  advance(3_000);
  assert.deepEqual(
    [late, soon, never, far].map(({ fired }) => fired.length),
    [0, 1, 0, 0],
  );
  advance(58_500);
  assert.equal(late.fired.length, 1);
  advance(1_740_000);
  assert.equal(far.fired.length, 1);
  assert.equal(wheel.size, 0);
  wheel.stop();
});

test("a fault in one node does not stop the others; a node may arm itself again", () => {
  const { wheel, node, advance, errors } = bench();
  const faulty = Object.assign(node(), {
    expired: () => {
      throw new Error("fault");
    },
  });
  const again = node();
  const fired = again.expired.bind(again);
  again.expired = () => {
    fired();
    wheel.arm(again, 1_000);
  };
  wheel.arm(faulty, 1_000);
  wheel.arm(again, 1_000);
  advance(6_000);
  assert.equal(errors.length, 1);
  assert.ok(again.fired.length >= 3);
  wheel.stop();
});

test("against a simple model: any mixture of arming and disarming", () => {
  const step = fc.record({
    node: fc.nat(5),
    delay: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 900_000 })),
    advance: fc.integer({ min: 0, max: 700_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const made = bench();
      const nodes = Array.from({ length: 6 }, () => new Node(() => made.clock.now));
      const due = new Map<number, number>();
      for (const { node: which, delay, advance } of steps) {
        if (delay < 0) {
          made.wheel.disarm(nodes[which]!);
          due.delete(which);
        } else {
          made.wheel.arm(nodes[which]!, delay);
          due.set(which, made.clock.now + delay);
        }
        const before = nodes.map(({ fired }) => fired.length);
        made.clock.now += advance;
        made.wheel.advance();
        for (const [i, { fired }] of nodes.entries()) {
          const deadline = due.get(i);
          const times = fired.length - before[i]!;
          if (deadline === undefined || made.clock.now < deadline) assert.equal(times, 0);
          else if (made.clock.now >= deadline + 1_000) assert.equal(times, 1);
          if (times > 0) due.delete(i);
        }
        assert.equal(made.wheel.size, due.size);
      }
      made.wheel.stop();
    }),
    { numRuns: 300 },
  );
});
