// The layers of src/, checked over resolved imports, type-only ones included. Run by `npm run lint`.
// docs: https://github.com/sverweij/dependency-cruiser/blob/main/doc/rules-reference.md

/** Folder of src/ → the folders it may import, besides itself. `index.ts` is the public surface. */
const core = ["core"];
const jsonrpc = ["core", "spec"];
const middle = [...jsonrpc, "jsonrpc", "resilience"];
const connection = [...middle, "eras", "transport", "auth"];
const catalog = [...connection, "connection"];
const pool = [...catalog, "catalog"];
const edge = [...pool, "pool", "index.ts"];

const LAYERS = {
  core: [],
  spec: [],
  jsonrpc,
  resilience: core,
  eras: middle,
  transport: middle,
  auth: middle,
  connection,
  catalog,
  pool,
  adapters: edge,
  telemetry: edge,
  config: edge,
  cli: [...edge, "adapters", "telemetry", "config"],
};

const layers = Object.entries(LAYERS).map(([layer, below]) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import ${below.join(", ") || "nothing above itself"} (and its own files) only`,
  severity: "error",
  from: { path: `^src/${layer}/` },
  to: { path: "^src/", pathNot: `^src/(${[layer, ...below].join("|")})(/|$)` },
}));

/** Every folder has a place in the table above, so that a new one cannot escape it. */
const unknownLayer = {
  name: "layer-unknown",
  comment: "a folder of src/ that .dependency-cruiser.mjs does not know: give it a layer",
  severity: "error",
  from: { path: "^src/", pathNot: `^src/(index\\.ts$|(${Object.keys(LAYERS).join("|")})/)` },
  to: {},
};

const siblings = [
  {
    name: "siblings-eras",
    comment: "one revision never imports another; what they share is eras/*.ts",
    severity: "error",
    from: { path: "^src/eras/([^/]+)/" },
    to: { path: "^src/eras/[^/]+/", pathNot: "^src/eras/$1/" },
  },
  {
    name: "siblings-eras-shared",
    comment: "what the revisions share knows none of them, but for negotiation, which picks one",
    severity: "error",
    from: { path: "^src/eras/[^/]+\\.ts$", pathNot: "^src/eras/(negotiate|registry)\\.ts$" },
    to: { path: "^src/eras/[^/]+/" },
  },
  {
    name: "siblings-transport",
    comment: "one transport never imports another, but for sse-legacy, which builds on http",
    severity: "error",
    from: { path: "^src/transport/([^/]+)/", pathNot: "^src/transport/sse-legacy/" },
    to: { path: "^src/transport/[^/]+/", pathNot: "^src/transport/$1/" },
  },
  {
    name: "siblings-transport-sse-legacy",
    comment: "sse-legacy may import http and no other transport",
    severity: "error",
    from: { path: "^src/transport/sse-legacy/" },
    to: { path: "^src/transport/[^/]+/", pathNot: "^src/transport/(sse-legacy|http)/" },
  },
];

const packages = [
  {
    name: "no-circular",
    comment: "no cycles, type-only imports counted",
    severity: "error",
    from: {},
    to: { circular: true },
  },
  {
    name: "no-unresolvable",
    comment: "an import that leads nowhere",
    severity: "error",
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: "no-dev-dependency",
    comment: "what is published imports its dependencies only; types alone may come from elsewhere",
    severity: "error",
    from: { path: "^src/" },
    to: {
      dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
      dependencyTypesNot: ["type-only"],
    },
  },
  {
    name: "lazy-packages",
    comment: "ajv and the official SDK are loaded on first need: import() or import type",
    severity: "error",
    from: { path: "^src/" },
    to: {
      path: "node_modules/(ajv|ajv-formats|@modelcontextprotocol/[^/]+)/",
      dynamic: false,
      dependencyTypesNot: ["type-only"],
    },
  },
  {
    name: "outside-src",
    comment: "src imports nothing of test, bench, demo or scripts",
    severity: "error",
    from: { path: "^src/" },
    to: { path: "^(test|bench|demo|scripts|dist)/" },
  },
];

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [...layers, unknownLayer, ...siblings, ...packages],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["types", "import", "node", "default"],
    },
  },
};
