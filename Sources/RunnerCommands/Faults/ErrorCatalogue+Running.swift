/// What the catalogue says of starting an agent and of what its supervisor is asked to do.
extension ErrorCode {
    var forkEntry: ErrorEntry {
        switch self {
        case .forkExists:
            ErrorEntry(
                "there is such an agent or directory already", .cannotCreate, "A fork gets a name and a workspace that nobody else has.",
                remedy: "Choose another name with '--as', or another directory with '--workspace'.")
        default:
            ErrorEntry(
                "an agent without a workspace cannot be forked", .failed, "The fork would write into the very files of the agent.",
                remedy: "Give the agent a workspace in agent.yaml; its later versions can be forked.")
        }
    }

    var actionEntry: ErrorEntry {
        switch self {
        case .checkpointEmpty:
            ErrorEntry(
                "there is nothing to checkpoint", .failed,
                "The agent handed over no state and has no workspace, so a version would be empty.",
                remedy: "Give it a workspace in agent.yaml, or let it answer 'prepare' with an SDK.")
        case .checkpointRefused:
            ErrorEntry(
                "the checkpoint was refused", .failed, "What the agent handed over is not what it said, or is larger than its limits.",
                remedy: "The sentence tells which. Limits stand under 'checkpoint' in agent.yaml.")
        case .checkpointAborted:
            ErrorEntry(
                "the checkpoint was given up", .failed,
                "The agent refused, or ended before it handed its state over. Older versions are untouched.",
                remedy: "'runner events AGENT' tells what came between; ask again when it runs.")
        case .checkpointProcess:
            ErrorEntry(
                "the agent's processes cannot be put into an image", .failed,
                "The checkpoint was to hold them ('--mode process', or '--stop' of an agent that would come back without its memory) and something in "
                    + "them, or this machine, does not allow it. Older versions are untouched, and the agent runs on.",
                remedy:
                    "The sentence names what is in the way; '--mode auto' takes a version without images, and 'runner stop' ends the agent all "
                    + "the same.")
        case .restartFailed:
            ErrorEntry(
                "the agent could not be started again", .failed, "The supervisor tried, and tells why in the sentence.",
                remedy: "'runner why AGENT' and 'runner logs AGENT' tell more; recovery goes on by its own rules.")
        case .restoreFailed:
            ErrorEntry(
                "the version could not be restored", .failed, "The supervisor tried, and tells why in the sentence.",
                remedy: "'runner verify AGENT' tells which versions are whole; 'runner why AGENT' what it did instead.")
        case .stopUnsaved:
            ErrorEntry(
                "the agent was stopped without a last version", .failed,
                "None could be taken, as the sentence tells. The agent is down, its workspace is as it was left, and older versions are untouched.",
                remedy: "Put right what it names; 'runner run' sets the workspace aside before it goes on from an older version.")
        default:
            ErrorEntry(
                "the agent was not stopped", .failed, "While it was being stopped somebody else asked for it to run again.",
                remedy: "'runner status AGENT' tells what it does; stop it again if that still holds.")
        }
    }

    var suspensionEntry: ErrorEntry {
        switch self {
        case .agentSuspended:
            ErrorEntry(
                "the agent is suspended", .failed, "It is on disk, as the version in the sentence, and nothing of it runs.",
                remedy: "'runner resume AGENT' brings it back; 'runner status AGENT' tells when it comes back by itself.")
        case .agentNotSuspended:
            ErrorEntry(
                "the agent is not suspended", .failed, "Only an agent that 'runner suspend' put to disk is resumed.",
                remedy: "'runner status AGENT' tells what it does; 'runner restart AGENT' starts it.")
        case .suspendFailed:
            ErrorEntry(
                "the agent could not be suspended", .failed,
                "It would not have come back as it was, as the sentence tells, or somebody wished for something else meanwhile. It was not "
                    + "ended for that.",
                remedy: "'runner doctor' tells what images of processes need, and an agent with an SDK hands its state over. 'runner stop' "
                    + "ends it all the same.")
        default:
            ErrorEntry(
                "the suspended agent could not be brought back", .failed, "The supervisor tried, and tells why in the sentence.",
                remedy: "'runner why AGENT' tells what it did instead; 'runner verify AGENT' which versions are whole.")
        }
    }

    var supervisorEntry: ErrorEntry {
        switch self {
        case .supervisorDenied:
            ErrorEntry(
                "permission to speak to the supervisor is missing", .denied,
                "A control socket belongs to the user that runs the supervisor.",
                remedy: "Run the command as that user, or as root.")
        case .supervisorSilent:
            ErrorEntry(
                "the supervisor did not answer in time", .tryAgain, "It is busy or stuck, or what was asked takes longer than '--timeout'.",
                remedy: "'runner status AGENT' tells what it does. Ask again, with a longer '--timeout'.")
        case .supervisorIO:
            ErrorEntry(
                "the supervisor could not be reached", .inputOutput, "The connection to its control socket failed.",
                remedy: "Try again. 'runner status AGENT' and 'runner why AGENT' read the store and need no supervisor.")
        case .controlBad:
            ErrorEntry(
                "the supervisor did not understand the request", .failed, "What arrived at its control socket is no request it knows.",
                remedy:
                    "Use the same release for the command and the supervisor: 'runner version' and the start of the agent's log tell them.")
        default:
            ErrorEntry(
                "no supervisor of the agent runs", .noSupervisor,
                "The command speaks to a living supervisor, and none listens: the agent was stopped, finished, or died with its supervisor.",
                remedy:
                    "Start it: 'runner run agent.yaml' goes on where it ended. What only reads (ls, status, why, logs, versions) works without."
            )
        }
    }

    var runEntry: ErrorEntry {
        switch self {
        case .specFile:
            ErrorEntry(
                "there is no such spec file", .noInput, "'runner run' takes a file such as agent.yaml, or a command after '--'.",
                remedy: "Give the file's path, or 'runner run --name NAME -- COMMAND'.")
        case .specInvalid:
            ErrorEntry(
                "the spec is wrong", .badConfiguration, "Every mistake is listed with its line, column and what was probably meant.",
                remedy: "Mend the file and try 'runner config check FILE'.")
        default:
            ErrorEntry(
                "the runner itself failed", .runnerFailed,
                "Supervision could not begin or go on. The agent, if it lives, is stopped within its adoption term.",
                remedy: "Do what the sentence says and run it again: it goes on from the last version.")
        }
    }

    var launchEntry: ErrorEntry {
        switch self {
        case .launchNotFound:
            ErrorEntry(
                "the agent's command was not found", .commandNotFound,
                "It is looked up in the PATH the agent gets, from its working directory.",
                remedy: "Give its whole path, or set PATH under 'env'; 'runner plan' shows both.")
        case .launchNotExecutable:
            ErrorEntry(
                "the agent's command cannot be executed", .notExecutable,
                "The file lacks the x bit, its interpreter is missing, or it is for another machine.",
                remedy: "'chmod +x' it, or look at its first line.")
        case .launchSetUp:
            ErrorEntry(
                "the sandbox could not be set up", .runnerFailed, "The working directory, user, control group or a mount could not be had.",
                remedy: "The sentence tells which. 'runner doctor' shows what this machine allows.")
        case .launchUser:
            ErrorEntry(
                "the agent's user cannot be had", .runnerFailed, "The user is not known on this machine, or only root may become it.",
                remedy: "Leave 'user' out, name one from /etc/passwd, or run as root.")
        case .launchWorkspace:
            ErrorEntry(
                "workspace and store lie in one another", .runnerFailed, "Every version would hold all versions before it.",
                remedy: "Choose another workspace, or another store with '--store'.")
        case .launchPath:
            ErrorEntry(
                "a socket's path would be too long", .runnerFailed, "Linux takes 107 bytes for the path of a socket.",
                remedy: "Give the agent a shorter name, or set XDG_RUNTIME_DIR to a shorter directory.")
        case .launchFence:
            ErrorEntry(
                "the agent cannot be fenced in here", .runnerFailed,
                "Its spec wants no network, or its workspace seen elsewhere, and that takes namespaces. It is never started with less.",
                remedy: "Run as root, or take 'network.mode' and 'sandbox.workspace_at' out of the spec.")
        default:
            ErrorEntry(
                "the system refused to start the agent", .runnerFailed,
                "Starting a process failed: memory, process limits, or a kernel error.",
                remedy: "The sentence has the system's own error; look at 'ulimit -u', free memory and 'dmesg'.")
        }
    }
}
