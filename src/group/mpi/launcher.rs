//! What started the process, by the variables that launchers set.

/// The launcher of an MPI job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// Its name, for messages.
    pub name: String,
    /// Number of ranks that it has started.
    pub size: usize,
    /// Number of ranks on this machine, if it says so.
    pub local: Option<usize>,
    /// Whether it suits MPICH and its relatives.
    pub is_mpich: bool,
}

/// Variables with the number of ranks, the number on this machine, the launcher, and whether it suits MPICH. Those of
/// `mpirun` come first, since it also runs inside of a Slurm job.
const LAUNCHERS: [(&str, &str, &str, bool); 3] = [
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "mpirun of Open MPI", false),
    ("PMI_SIZE", "MPI_LOCALNRANKS", "mpirun of MPICH", true),
    ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", "srun", false),
];

impl Launcher {
    /// Returns the launcher of this process, if there is one.
    pub fn detect() -> Option<Self> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        // `4(x2)` are four on each of two nodes.
        let number = |name: &str| -> Option<usize> {
            let text = variable(name)?;
            text.trim().split(['(', ',']).next()?.parse().ok()
        };
        let found = LAUNCHERS.iter().find_map(|launcher| Some((number(launcher.0)?, launcher)));
        let (size, (_, local, name, is_mpich)) = found?;
        let is_pmi2 = *is_mpich && variable("SLURM_STEP_ID").is_some();
        let name = if is_pmi2 { "srun" } else { name };
        Some(Self { name: name.to_owned(), size, local: number(local), is_mpich: *is_mpich })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<Launcher> {
        Launcher::from_variables(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn launchers_are_known_by_their_variables() {
        assert_eq!(of(&[("HOME", "/root")]), None);
        let open =
            of(&[("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"), ("SLURM_STEP_NUM_TASKS", "1")]);
        let open = open.unwrap();
        assert_eq!((open.size, open.local, open.is_mpich), (4, Some(2), false));
        let mpich = of(&[("PMI_SIZE", "8"), ("PMI_RANK", "0")]).unwrap();
        assert_eq!((mpich.size, mpich.local, mpich.is_mpich), (8, None, true));
        let srun = of(&[("SLURM_STEP_NUM_TASKS", "8"), ("SLURM_STEP_TASKS_PER_NODE", "4(x2)")]).unwrap();
        assert_eq!((srun.name.as_str(), srun.size, srun.local), ("srun", 8, Some(4)));
    }
}
