// Keywords of JSON Schema: those that are checked here, and those that ajv checks in a worker.
// https://json-schema.org/draft/2020-12/json-schema-validation

/** Told of a value, and no demand on it. `$schema` has been read by then. */
export const ANNOTATIONS: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "$comment",
  "$schema",
]);

/** Every keyword of ajv that is not checked here; so are all others that begin with `$`. */
export const FOR_THE_WORKER: ReadonlySet<string> = new Set([
  "contains",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "discriminator",
  "else",
  "formatExclusiveMaximum",
  "formatExclusiveMinimum",
  "formatMaximum",
  "formatMinimum",
  "id",
  "if",
  "maxContains",
  "minContains",
  "multipleOf",
  "nullable",
  "pattern",
  "patternProperties",
  "prefixItems",
  "additionalItems",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
  "uniqueItems",
]);

/** Formats of ajv whose expressions take no more time than the text is long. */
export const LINEAR_FORMATS: ReadonlySet<string> = new Set([
  "date",
  "date-time",
  "email",
  "ipv4",
  "ipv6",
  "time",
  "uri",
  "uuid",
]);

/** All other formats of ajv; a format that neither set has demands nothing. */
export const FORMATS_FOR_THE_WORKER: ReadonlySet<string> = new Set([
  "binary",
  "byte",
  "double",
  "duration",
  "float",
  "hostname",
  "int32",
  "int64",
  "iso-date-time",
  "iso-time",
  "json-pointer",
  "json-pointer-uri-fragment",
  "password",
  "regex",
  "relative-json-pointer",
  "uri-reference",
  "uri-template",
  "url",
]);

export const TYPES: ReadonlySet<unknown> = new Set([
  "array",
  "boolean",
  "integer",
  "null",
  "number",
  "object",
  "string",
]);
