import { expect, test, vi } from "vitest";
import { StateMachine } from "../../../src/core/state-machine.ts";
import type { State } from "../../../src/core/state-machine.ts";

type Name = "a" | "b" | "end";
const TABLE = { a: ["b", "end"], b: ["a", "end"], end: [] } as const;

function machine(onChange?: (next: State<Name>, previous: State<Name>) => void) {
  const initial: State<Name> = { name: "a" };
  return new StateMachine<State<Name>>({
    initial,
    table: TABLE,
    ...(onChange === undefined ? {} : { onChange }),
  });
}

test("an illegal move throws, names both states, and changes nothing", () => {
  const onChange = vi.fn();
  const m = machine(onChange);
  m.moveTo({ name: "end" });
  expect(() => m.moveTo({ name: "a" })).toThrow("end -> a");
  expect(m.current.name).toBe("end");
  expect(onChange).toHaveBeenCalledTimes(1);
});

test("a state that is refused is not entered, and the one that stays is not cleaned up", () => {
  const m = machine();
  const dispose = vi.fn();
  m.moveTo({ name: "b", dispose });
  expect(() => m.moveTo({ name: "b" })).toThrow("b -> b");
  expect(dispose).not.toHaveBeenCalled();
  expect(m.canMoveTo("b")).toBe(false);
  expect(m.canMoveTo("a")).toBe(true);
});

test("leaving cleans up once, before the change is told, with the new state in place", () => {
  const order: string[] = [];
  const m = machine((next, previous) => order.push(`${previous.name}->${next.name}`));
  m.moveTo({ name: "b", dispose: () => order.push(`dispose in ${m.current.name}`) });
  m.moveTo({ name: "a" });
  m.moveTo({ name: "b" });
  expect(order).toEqual(["a->b", "dispose in a", "b->a", "a->b"]);
});

test("a move from inside onChange is told after it, each state cleaned up once", () => {
  const order: string[] = [];
  const m = machine((next) => {
    order.push(next.name);
    if (next.name === "b") m.moveTo({ name: "end" });
  });
  m.moveTo({ name: "b", dispose: () => order.push("b left") });
  expect(order).toEqual(["b", "b left", "end"]);
  expect(m.current.name).toBe("end");
});
