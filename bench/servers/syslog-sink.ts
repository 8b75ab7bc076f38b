/**
 * A syslog daemon for the time of the run, where the machine has none: without it, Cyrus's log lines would go nowhere
 * and cost nothing, while others write theirs. It appends what it is sent to a file; its own CPU is in nobody's account.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const socket = "/dev/log";
/** Perl is on every Debian; Node has no Unix datagram sockets. */
const script = `
  use Socket;
  my ($path, $file) = @ARGV;
  socket(my $log, PF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
  bind($log, pack_sockaddr_un($path)) or die "bind: $!";
  open(my $out, ">>", $file) or die "open: $!";
  # A benchmark that was killed leaves nothing behind.
  my $parent = getppid();
  $SIG{ALRM} = sub { if (getppid() != $parent) { unlink $path; exit } alarm 2 };
  alarm 2;
  my $line;
  while (1) { syswrite($out, "$line\\n") if defined recv($log, $line, 65536, 0) }
`;

/** What takes log lines during the run, for the report. */
export interface Syslog {
  readonly kind: "the machine's" | "the benchmark's" | "none";
  stop(): void;
}

export async function startSyslog(file: string): Promise<Syslog> {
  if (existsSync(socket)) return { kind: "the machine's", stop() {} };
  if (process.getuid?.() !== 0) return { kind: "none", stop() {} };
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const daemon = spawn("perl", ["-e", script, socket, file], { stdio: ["ignore", "ignore", "inherit"] });
  const until = Date.now() + 2_000;
  while (!existsSync(socket) && Date.now() < until) await sleep(10);
  if (!existsSync(socket)) return { kind: "none", stop: () => end(daemon) };
  chmodSync(socket, 0o666);
  return {
    kind: "the benchmark's",
    stop() {
      end(daemon);
      rmSync(socket, { force: true });
    },
  };
}

function end(daemon: ChildProcess): void {
  daemon.kill("SIGTERM");
}
