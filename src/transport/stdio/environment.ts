// The environment a server starts with: an allow-list, plus what its config names. https://modelcontextprotocol.io/docs/tutorials/security/security_best_practices

const POSIX_NAMES = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];

const WINDOWS_NAMES = [
  "APPDATA",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "PATH",
  "PROCESSOR_ARCHITECTURE",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "USERNAME",
  "USERPROFILE",
  "PROGRAMFILES",
];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The child's whole environment. Nothing else of ours is inherited: a token in our environment is not the
 * server's business.
 */
export function childEnvironment(
  configured: Readonly<Record<string, string>>,
  source: Environment = process.env,
  platform: NodeJS.Platform = process.platform,
): Record<string, string> {
  const windows = platform === "win32";
  // Otherwise cmd.exe takes a program of the current folder before any in PATH.
  const environment: Record<string, string> = windows
    ? { NODEFAULTCURRENTDIRECTORYINEXEPATH: "1" }
    : {};
  for (const name of windows ? WINDOWS_NAMES : POSIX_NAMES) {
    const value = source[name];
    // A value that starts so is a function exported by bash: code, not data.
    if (value !== undefined && !value.startsWith("()")) environment[name] = value;
  }
  for (const [name, value] of Object.entries(configured)) {
    // Windows compares names without case: "Path" of the config replaces our "PATH".
    if (windows) delete environment[name.toUpperCase()];
    environment[name] = value;
  }
  return environment;
}
