/** How a program is started so that it loads all its code and then ends, whatever configuration the machine has. */

/**
 * A flag that the program does not have: it says so before it reads a configuration. cyr_master passes over unknown flags,
 * as Cyrus's does, and would become the machine's server.
 */
export function warmArguments(program: string): readonly string[] {
  return [program === "cyr_master" ? "-V" : "-Z"];
}
