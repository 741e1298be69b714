// Whether a name says that its value is a secret, and whether a value looks like one.

/** Ends of words that say it: "PGPASSWORD" and "accesstoken" do, "AUTHOR" does not. */
const SAYS_SECRET =
  /(?:key|token|secret|password|passwd|passphrase|passcode|pass|pwd|pat|auth|authorization|credentials?|cookies?|session|signature|sig|jwt|bearer|dsn)$/;

/** Words that end with such an end by chance. */
const HARMLESS_WORDS: ReadonlySet<string> = new Set([
  ...["monkey", "hockey", "turkey", "donkey", "whiskey", "hotkey", "bypass", "compass", "spat"],
]);

/** A last word that says the value is about the secret, and not the secret: TOKEN_URL, KEY_FILE, SSH_AUTH_SOCK. */
const ABOUT =
  /^(?:file|path|dir|directory|url|uri|host|port|name|id|sock|socket|enabled|disabled|required|limit|ttl|timeout|expiry|type|method|mode|scheme|size|length|count|header|version|provider|prefix)$/;

/** What is set for a secret where there is none. */
const NO_VALUES: ReadonlySet<string> = new Set([
  ...["undefined", "default", "enabled", "disabled", "required", "optional", "anonymous"],
]);

/** A shorter value is never masked: it stands in too many texts by chance. */
export const MIN_SECRET_CHARS = 6;

/** Prefixes by which services mark their tokens. */
const TOKEN_PREFIX =
  /^(?:[spr]k[-_]|gh[pousr]_|github_pat_|xox[a-z]-|AKIA|ASIA|AIza|eyJ|glpat-|npm_|hf_|ya29\.|SG\.|dop_v1_|shpat_|lin_api_|secret_|ntn_)\S{8,}$/;

const TOKEN_CHARS = /^[A-Za-z0-9+/=_.~-]{16,}$/;

/** "en-US", "my-app", "application/json": words, as people write them. */
const WORDS = /^[A-Za-z]+(?:[-_. ,;:/@]+[A-Za-z]+)*$/;

/** Versions, ports, weights: few digits among words. */
const NUMBERS = /^[\d.,:;=/ -]*$/;

export function saysSecret(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
  const last = words.at(-1);
  if (last === undefined || (words.length > 1 && ABOUT.test(last))) return false;
  return words.some((word) => SAYS_SECRET.test(word) && !HARMLESS_WORDS.has(word));
}

/** Whether a value that a name calls a secret can be one. */
export function canBeSecret(value: string): boolean {
  return value.length >= MIN_SECRET_CHARS && !NO_VALUES.has(value.toLowerCase());
}

/** By the looks alone: a token of a known service, or letters and digits so mixed as nobody writes them. */
export function looksSecret(value: string): boolean {
  if (TOKEN_PREFIX.test(value)) return true;
  if (!TOKEN_CHARS.test(value)) return false;
  if (/^\d{16,}$/.test(value) || /^(?:[0-9a-f]{24,}|[0-9A-F]{24,})$/.test(value)) return true;
  const runs = value.split(/[^A-Za-z0-9]+/);
  const isMixed = runs.some((run) => run.length >= 8 && changesOf(run) >= 2);
  const length = runs.reduce((sum, run) => sum + run.length, 0);
  const changes = runs.reduce((sum, run) => sum + changesOf(run), 0);
  return isMixed && changes / length >= 0.1;
}

/** Whether a value is one that people write in words or numbers, and that messages may hold by chance. */
export function isOrdinary(value: string): boolean {
  return WORDS.test(value) || (NUMBERS.test(value) && value.replaceAll(/\D/g, "").length < 8);
}

/** From a letter to a digit and back. */
function changesOf(run: string): number {
  let count = 0;
  for (let index = 1; index < run.length; index++) {
    if (isDigit(run.charCodeAt(index)) !== isDigit(run.charCodeAt(index - 1))) count += 1;
  }
  return count;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
