/** Entries of cyrus.conf that will not do what they are meant to. */
import { dirname } from "node:path";
import type { Config } from "../config.ts";
import type { CyrusConf, Entry, ServiceEntry } from "../cyrus-conf.ts";
import type { Services } from "../services.ts";
import { flagOf, hasFlag, programOf } from "./commands.ts";
import type { Finding } from "./finding.ts";

export function lintStart({ start }: CyrusConf, config: Config): readonly Finding[] {
  return start.flatMap((entry) => {
    const finding = longRunning(entry) ?? ephemeral(entry, config);
    return finding === undefined ? [] : [at(entry, finding)];
  });
}

function at({ file, line, name }: Entry, text: string): Finding {
  return { file, line, text: `${name}: ${text}` };
}

/** START waits for the end of each command. */
function longRunning({ cmd }: Entry): string | undefined {
  const { program, args } = programOf(cmd);
  const runsOn =
    program === "idled" ||
    program === "calalarmd" ||
    (program === "squatter" && hasFlag(args, "R")) ||
    (program === "sync_client" && hasFlag(args, "r")) ||
    (program === "promstatsd" && !hasFlag(args, "c") && !hasFlag(args, "1"));
  return runsOn ? `'${cmd.join(" ")}' keeps running; move it from START to DAEMON` : undefined;
}

/** Programs whose work is on a database that may lie on a filesystem that is empty after each boot. */
function ephemeral({ cmd }: Entry, config: Config): string | undefined {
  const { program, args } = programOf(cmd);
  const advice = "which may be empty or missing at start; move it from START to EVENTS";
  const database = ephemeralDatabase(program, args, config);
  if (database !== undefined) return `'${cmd.join(" ")}' works on the ephemeral database ${database}, ${advice}`;
  const places = ephemeralPlaces(config);
  const named = args.find((arg) => places.some((place) => arg === place || arg.startsWith(`${place}/`)));
  return named === undefined ? undefined : `it names the ephemeral path ${named}, ${advice}`;
}

function ephemeralDatabase(program: string, args: readonly string[], config: Config): string | undefined {
  const inDirectory = (name: string): string => `${config.configdirectory}/${name}`;
  const deliver = config.duplicate_db_path ?? inDirectory("deliver.db");
  switch (program) {
    case "tls_prune":
      return config.tls_sessions_db_path ?? inDirectory("tls_sessions.db");
    case "expire":
      return flagOf(args, "E") === undefined ? undefined : deliver;
    case "deliver":
    case "deliverdb":
    case "ctl_deliver":
      return flagOf(args, "E") === undefined ? undefined : deliver;
    case "ptexpire":
      return config.ptscache_db_path ?? inDirectory("ptclient/ptscache.db");
    default:
      return undefined;
  }
}

function ephemeralPlaces(config: Config): readonly string[] {
  const files = [
    config.duplicate_db_path,
    config.statuscache_db_path,
    config.ptscache_db_path,
    config.tls_sessions_db_path,
    config.lmtpsocket,
    config.idlesocket,
    config.notifysocket,
  ].flatMap((path) => (path === undefined ? [] : [path]));
  const directories = [config.proc_path, config.mboxname_lockpath].flatMap((path) =>
    path === undefined ? [] : [path],
  );
  const outside = files.map((path) => dirname(path)).filter((path) => !path.startsWith(`${config.configdirectory}/`));
  return ["/dev/shm", "/run", "/var/run", ...files, ...directories, ...outside.filter((path) => path !== "/")];
}

export function lintServices({ services }: CyrusConf, names: Services): readonly Finding[] {
  return services.flatMap((entry) => serviceFindings(entry, names).map((text) => at(entry, text)));
}

function serviceFindings(entry: ServiceEntry, names: Services): readonly string[] {
  const { endpoint, cmd } = entry;
  if ("disabled" in endpoint) {
    return [`${endpoint.disabled}; the service will be disabled. Give a port number, or add the name to /etc/services`];
  }
  const { listen, transport } = endpoint;
  const findings: string[] = [];
  if (listen.kind === "inet") {
    const name = entry.listen.slice(entry.listen.lastIndexOf(":") + 1);
    if (names.isBuiltIn(name, transport.protocol)) {
      findings.push(
        `'${name}' is not in /etc/services; it is taken for port ${listen.port}. Other programs need the line: ${name} ${listen.port}/${transport.protocol}`,
      );
    }
    if (listen.port === 0) findings.push("no port is given; the kernel will choose one that nobody knows");
  }
  const { program } = programOf(cmd);
  if (program === "notifyd" && transport.protocol !== "udp") findings.push('notifyd reads datagrams; add proto="udp"');
  if ((program === "mupdate" || program === "notifyd") && entry.prefork < 1) {
    findings.push(`${program} should always run; add prefork=1`);
  }
  return findings;
}

/** Runs that follow each other faster than they are worth. */
const MIN_PERIOD_MINUTES = 10;

export function lintEvents({ events }: CyrusConf): readonly Finding[] {
  return events.flatMap((entry) => {
    const { period, at: daily } = entry;
    if (daily) return [];
    if (period === 0) return [at(entry, "without at= or period= it runs once at start and after each SIGHUP")];
    if (period < MIN_PERIOD_MINUTES)
      return [at(entry, `period=${period} is minutes; less than ${MIN_PERIOD_MINUTES} is seldom wise`)];
    return [];
  });
}
