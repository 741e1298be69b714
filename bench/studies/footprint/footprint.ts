// What an install brings: of the pool, and of other clients.

import path from "node:path";
import { INSTALLABLE, specsOf } from "../../contenders/packages.ts";
import { summarise } from "../../study.ts";
import type { Findings, Metric, Sample, Settings, Study } from "../../study.ts";
import { footprintOf, installedIn, neededBy } from "./folders.ts";
import type { Footprint } from "./folders.ts";
import { inFreshFolder, install, pack } from "./npm.ts";

const SIZE = "size";
const PACKAGES = "packages";
const FILES = "files";

const METRICS: readonly Metric[] = [
  { name: SIZE, unit: "MB", better: "less", digits: 2 },
  { name: PACKAGES, unit: "", better: "less", digits: 0 },
  { name: FILES, unit: "", better: "less", digits: 0 },
];

const MB = 1_000_000;

const POINT = "npm install --omit=dev";
const QUICK_POINT = "production dependencies, as they are in this folder";

export const FOOTPRINT: Study = {
  name: "footprint",
  title: "What an install brings",
  method: `Each client is installed into a fresh folder with \`npm install --omit=dev --ignore-scripts\`, at the version that the other studies measure, with the peers that it demands; the pool from the tarball that \`npm pack\` makes. Counted is what is then in \`node_modules\`: the sizes of all files (not the blocks that they take; 1 MB is 1,000,000 bytes), the packages with the client itself, and the files; without what npm writes for itself. A count does not vary, so there is one round.`,
  run: runFootprint,
};

async function runFootprint(settings: Settings): Promise<Findings> {
  const isChosen = (name: string): boolean =>
    settings.contenders.length === 0 || settings.contenders.includes(name);
  // The build is `dist` of its package.
  const root = path.dirname(settings.build);
  const samples = new Map<string, Sample[]>();
  const notes: string[] = [];
  if (settings.quick) {
    if (isChosen("pool")) samples.set("pool", [sampleOf(footprintOf(neededBy(root)))]);
    return findings(QUICK_POINT, samples, notes);
  }
  const versions: string[] = [];
  for (const name of (["pool", ...INSTALLABLE] as const).filter(isChosen)) {
    const specs = name === "pool" ? [] : specsOf(name);
    try {
      const footprint = await inFreshFolder(async (folder) => {
        await install(folder, name === "pool" ? [await pack(root, folder)] : specs);
        return footprintOf(installedIn(folder));
      });
      samples.set(name, [sampleOf(footprint)]);
    } catch (error) {
      notes.push(`${name} is left out: ${(error as Error).message}.`);
      continue;
    }
    if (specs.length > 0) versions.push(`${name} \`${specs.join(" ")}\``);
  }
  if (versions.length > 0) notes.unshift(`What was installed: ${versions.join(", ")}.`);
  return findings(POINT, samples, notes);
}

function sampleOf({ bytes, packages, files }: Footprint): Sample {
  return { [SIZE]: bytes / MB, [PACKAGES]: packages, [FILES]: files };
}

function findings(
  point: string,
  samples: ReadonlyMap<string, Sample[]>,
  notes: readonly string[],
): Findings {
  return { metrics: METRICS, rows: summarise(point, samples), verdicts: [], notes };
}
