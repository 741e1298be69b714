// The secrets that the configuration of one server holds: all that is masked in what the pool says about it.

import {
  givenSecret,
  namedSecret,
  pathSecrets,
  secretsIn,
  urlSecrets,
} from "../core/secret-forms.ts";
import { saysSecret } from "../core/secret-words.ts";
import { proxySettings } from "../transport/http/proxy-environment.ts";
import type { ResolvedTarget } from "./target.ts";

/** Headers that say what is sent or who sends it, and are no secret unless they look like one. */
const PLAIN_HEADERS: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "dnt"],
  ...["origin", "pragma", "referer", "user-agent"],
]);

/** `name=value`, `--name=value`, `Name: value`. */
const ASSIGNMENT = /^-{0,2}([A-Za-z][\w.-]*)\s*[=:]\s*(.+)$/s;
const FLAG = /^-{1,2}[A-Za-z][\w-]*$/;

export function secretsOf(target: ResolvedTarget, environment?: NodeJS.ProcessEnv): string[] {
  switch (target.kind) {
    case "http":
      return [
        ...urlSecrets(target.url.href),
        ...pathSecrets(target.url.pathname),
        ...Object.entries(target.headers).flatMap(headerSecrets),
        ...proxySettings(environment).flatMap(proxySecrets),
      ];
    case "stdio":
      return [
        ...Object.entries(target.env).flatMap(variableSecrets),
        ...target.args.flatMap((value, index) => argumentSecrets(value, target.args[index - 1])),
      ];
    case "custom":
      return [];
  }
}

function headerSecrets([name, value]: readonly [string, string]): string[] {
  return PLAIN_HEADERS.has(name.toLowerCase()) ? secretsIn(value) : givenSecret(name, value);
}

/** Most variables are settings and paths: the name must say that it is a secret, or the value look like one. */
function variableSecrets([name, value]: readonly [string, string]): string[] {
  return saysSecret(name) ? namedSecret(value) : secretsIn(value);
}

/** @param before the argument before it, which may be the flag that it belongs to */
function argumentSecrets(value: string, before: string | undefined): string[] {
  const found = secretsIn(value);
  if (before !== undefined && FLAG.test(before) && saysSecret(before)) {
    found.push(...namedSecret(value));
  }
  const [, name, assigned] = ASSIGNMENT.exec(value) ?? [];
  if (name === undefined || assigned === undefined) return found;
  found.push(...variableSecrets([name, assigned]));
  return found;
}

/** It may be written without a scheme, or be no URL at all, which is then what an error is about. */
function proxySecrets(value: string): string[] {
  return urlSecrets(value.includes("://") ? value : `http://${value}`);
}
