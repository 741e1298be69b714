// Everything that must hold, and whether it did.

import { bad, ok, paragraph } from "./screen.ts";

export class Verdict {
  readonly broken: string[] = [];

  /** Prints the claim with what became of it. */
  claim(holds: boolean, claim: string): void {
    paragraph(claim, "    ", `  ${holds ? ok : bad} `);
    if (!holds) this.broken.push(claim);
  }
}
