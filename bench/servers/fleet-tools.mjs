// Tools as real servers have them, and no two servers the same ones: what a client keeps of them cannot be shared.

import { pickerOf, randomOf } from "./random.mjs";

const VERBS =
  "list get create update delete search export import archive restore share assign merge split validate publish schedule cancel approve sync".split(
    " ",
  );
const NOUNS =
  "invoice customer ticket order message document folder project issue comment branch release deployment alert dashboard query report contact campaign payment subscription account shipment product review calendar event task note page table record".split(
    " ",
  );
const QUALIFIERS =
  "source target parent owner start end max min default external internal primary page sort filter group batch remote shared current previous next".split(
    " ",
  );
const PHRASES = [
  "in the order of their creation",
  "with all fields that are set",
  "limited to those of one owner",
  "unless a filter is given",
  "and fails if none was found",
  "as it was at that time",
  "together with what belongs to it",
  "without those that are archived",
  "for the whole organisation",
  "by its number or its name",
];

/** At least. */
const DESCRIPTION_CHARS = 185;
const PROPERTY_DESCRIPTION_CHARS = 40;
const PROPERTY_COUNT = 5;

/** One for each of `VERBS`: 20. */
export function toolsOf(server) {
  const random = randomOf(server);
  const oneOf = pickerOf(random);
  const sentence = (chars) => {
    let text = `Server ${server}:`;
    while (text.length < chars) text += ` ${oneOf(PHRASES)}`;
    return `${text}.`;
  };
  const property = (index) => {
    const description = sentence(PROPERTY_DESCRIPTION_CHARS);
    switch (index) {
      case 0:
        return { type: "string", description, minLength: 1 };
      case 1:
        return { type: "integer", description, minimum: 0, maximum: Math.floor(random() * 1_000) };
      case 2:
        return { type: "string", description, enum: [oneOf(NOUNS), oneOf(NOUNS), oneOf(VERBS)] };
      case 3:
        return { type: "array", description, items: { type: "string" } };
      default:
        return { type: "boolean", description, default: false };
    }
  };
  return VERBS.map((verb) => {
    const properties = {};
    for (let index = 0; index < PROPERTY_COUNT; index++) {
      properties[`${oneOf(QUALIFIERS)}_${oneOf(NOUNS)}_${index}`] = property(index);
    }
    const required = Object.keys(properties).slice(0, 2);
    return {
      name: `${verb}_${oneOf(NOUNS)}`,
      description: sentence(DESCRIPTION_CHARS),
      inputSchema: { type: "object", properties, required, additionalProperties: false },
    };
  });
}
