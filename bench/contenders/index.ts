// The contenders by name, each loaded only in the process that runs it.

import type { Client, Target } from "./contender.ts";

/** In the order of the report; the first is what the others are compared to. */
export const CONTENDERS = ["floor", "pool", "sdk-v1", "sdk-v2"] as const;

/** `other` is a second build of the pool, for a comparison of two versions. */
export type ContenderName = (typeof CONTENDERS)[number] | "other";

/** @param build folder of the pool's build to measure */
export async function connect(name: ContenderName, target: Target, build: string): Promise<Client> {
  switch (name) {
    case "floor":
      return target.kind === "http"
        ? (await import("./floor-http.ts")).connectFloorHttp(target)
        : (await import("./floor-stdio.ts")).connectFloorStdio(target);
    case "pool":
    case "other":
      return (await import("./pool.ts")).connectPool(build, target);
    case "sdk-v1":
      return (await import("./sdk-v1.ts")).connectSdkV1(target);
    case "sdk-v2":
      return (await import("./sdk-v2.ts")).connectSdkV2(target);
  }
}
