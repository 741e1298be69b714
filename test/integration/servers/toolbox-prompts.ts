// The toolbox's prompts, and the completion of their arguments.

import { RpcFailure } from "./wire.ts";
import type { Params } from "./wire.ts";

const CITIES: { readonly [country: string]: readonly string[] } = {
  France: ["Paris", "Pau"],
  Italy: ["Parma", "Pavia"],
};

const list = [
  {
    name: "travel",
    title: "Plan a journey",
    arguments: [{ name: "country" }, { name: "city", required: true }],
  },
  ...Array.from({ length: 8 }, (_, index) => ({ name: `filler ${index}` })),
];

function get(params: Params): object {
  if (params["name"] !== "travel") throw new RpcFailure(-32602, "Unknown prompt");
  const { city } = params["arguments"] as { city: string };
  return {
    description: "a journey",
    messages: [
      { role: "user", content: { type: "text", text: `Plan a journey to ${city}` } },
      {
        role: "assistant",
        content: { type: "resource", resource: { uri: `test:///city/${city}`, text: city } },
      },
    ],
  };
}

/** By prefix, for a prompt's or a template's `city`; narrowed by the country that the context names. */
function complete(params: Params): object {
  const { name, value } = params["argument"] as { name: string; value: string };
  const context = params["context"] as { arguments?: { country?: string } } | undefined;
  const country = context?.arguments?.country;
  const known = country === undefined ? Object.values(CITIES).flat() : (CITIES[country] ?? []);
  const values = name === "city" ? known.filter((city) => city.startsWith(value)) : [];
  return { completion: { values, total: values.length, hasMore: false } };
}

export const promptHandlers = { list, get, complete };
