use candle_core::{DType, Tensor};

use crate::{Distribution, Error, Model, Result, score_steps};

/// log p(x | c) in nats of each image of `levels` `(B, C, H, W)` under each class: B rows of one
/// number a class. One full pass of the batch a class.
///
/// # Errors
/// [`Error::Config`] when `model` is not conditioned on classes, otherwise as [`Distribution::nll`].
pub fn class_log_likelihoods(model: &dyn Distribution, levels: &Tensor) -> Result<Vec<Vec<f64>>> {
    let classes = classes_of(model)?;
    let batch = model.domain().batch_of(levels)?;
    let mut rows = vec![Vec::with_capacity(classes); batch];
    for class in 0..classes as u32 {
        let condition = Tensor::full(class, batch, model.device())?;
        let nll = model.nll(levels, Some(&condition))?.to_dtype(DType::F64)?;
        for (row, nats) in rows.iter_mut().zip(nll.to_vec1::<f64>()?) {
            row.push(-nats);
        }
    }
    Ok(rows)
}

/// The same of what is known after each step of the order, as the values of an image arrive: for each of
/// the B images a row for each step, in it log p(values fixed so far | c) of each class. The last row is what
/// [`class_log_likelihoods`] gives. One full pass of the batch a class, and of a mixture a member.
///
/// # Errors
/// [`Error::Config`] when `model` is not conditioned on classes, or a mixture of several orders, whose
/// members do not know the same after a step; otherwise as [`Model::conditionals`].
pub fn class_log_likelihoods_by_step(
    model: &dyn Distribution,
    levels: &Tensor,
) -> Result<Vec<Vec<Vec<f64>>>> {
    let (classes, members) = (classes_of(model)?, model.members());
    let steps = match &members[..] {
        [first, others @ ..] if others.iter().all(|m| m.order().same_steps(first.order())) => {
            first.order().steps()
        }
        _ => {
            let problem = "must be one, for what is known after a step differs among several";
            return Err(Error::config("orders", problem));
        }
    };
    let batch = model.domain().batch_of(levels)?;
    let mut rows = vec![vec![Vec::with_capacity(classes); steps]; batch];
    for class in 0..classes as u32 {
        let condition = Tensor::full(class, batch, model.device())?;
        let of_member = |member: &&dyn Model| score_steps(*member, levels, Some(&condition));
        let each = members.iter().map(of_member).collect::<Result<Vec<_>>>()?;
        for (image, rows) in rows.iter_mut().enumerate() {
            let mut so_far = vec![0.0; members.len()];
            for (step, row) in rows.iter_mut().enumerate() {
                for (log, nats) in so_far.iter_mut().zip(&each) {
                    *log -= nats[image][step];
                }
                row.push(log_sum(&so_far) - (members.len() as f64).ln());
            }
        }
    }
    Ok(rows)
}

fn classes_of(model: &dyn Distribution) -> Result<usize> {
    model.conditioning().classes().ok_or_else(|| {
        let problem = "must be a class: Bayes' rule needs p(x | c)";
        Error::config("conditioning", problem)
    })
}

/// Bayes' rule: log p(c | x) = log p(x | c) + log p(c) - log Σ p(x | c') p(c') in nats, from log p(x | c)
/// and p(c) of every class. In logarithms, for a probability of e⁻²⁰⁰⁰ is no rarity here. Minus
/// infinity for a class without a prior, and everywhere where no class can have given x.
pub fn log_posterior(log_likelihoods: &[f64], prior: &[f64]) -> Vec<f64> {
    let joint: Vec<f64> = log_likelihoods
        .iter()
        .zip(prior)
        .map(|(log_likelihood, prior)| log_likelihood + prior.ln())
        .collect();
    let all = log_sum(&joint);
    if all == f64::NEG_INFINITY {
        return joint;
    }
    joint.iter().map(|log| log - all).collect()
}

/// ln Σ exp; minus infinity where nothing has a probability.
fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        // Of numbers that are none as well, which must not be taken for improbable ones.
        return logs.iter().sum();
    }
    most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{Conditioning, Domain, Model};

    /// One binary value that is 1 with a probability of each class's own.
    #[derive(Debug)]
    struct Coins(Vec<f32>);

    impl Distribution for Coins {
        fn domain(&self) -> Domain {
            Domain {
                channels: 1,
                height: 1,
                width: 1,
                levels: 2,
            }
        }

        fn conditioning(&self) -> Conditioning {
            match self.0.len() {
                1 => Conditioning::None,
                classes => Conditioning::Class { classes },
            }
        }

        fn device(&self) -> &Device {
            &Device::Cpu
        }

        fn members(&self) -> Vec<&dyn Model> {
            Vec::new()
        }

        fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
            let (x, c) = (
                levels.flatten_all()?.to_vec1::<u32>()?,
                condition.map(Tensor::to_vec1::<u32>).transpose()?,
            );
            let nats = x.iter().zip(c.unwrap_or_default()).map(|(x, c)| {
                let p = self.0[c as usize];
                if *x == 1 { -p.ln() } else { -(1.0 - p).ln() }
            });
            Ok(Tensor::from_iter(nats.collect::<Vec<_>>(), &Device::Cpu)?)
        }
    }

    #[test]
    fn bayes_rule_on_coins() {
        let levels = Tensor::from_vec(vec![1u32, 0], (2, 1, 1, 1), &Device::Cpu).unwrap();
        let logs = class_log_likelihoods(&Coins(vec![0.9, 0.3, 0.3]), &levels).unwrap();
        let expected = [[0.9f64, 0.3, 0.3], [0.1, 0.7, 0.7]];
        for (row, expected) in logs.iter().zip(expected) {
            assert_eq!(row.len(), 3);
            for (log, p) in row.iter().zip(expected) {
                assert!((log.exp() - p).abs() < 1e-6, "{row:?}");
            }
        }
        let close = |prior: &[f64], expected: &[f64]| {
            for (log, e) in log_posterior(&logs[0], prior).iter().zip(expected) {
                let p = log.exp();
                assert!((p - e).abs() < 1e-6, "{prior:?}: {p} {e}");
            }
        };
        close(&[1.0 / 3.0; 3], &[0.6, 0.2, 0.2]);
        close(&[0.2, 0.8, 0.0], &[3.0 / 7.0, 4.0 / 7.0, 0.0]);
        close(&[0.0; 3], &[0.0; 3]);
        // Far below what exp can hold.
        let far = log_posterior(&[-2000.0, -4000.0], &[0.5, 0.5]);
        assert!(
            far[0].abs() < 1e-9 && (far[1] + 2000.0).abs() < 1e-9,
            "{far:?}"
        );
    }

    #[test]
    fn what_has_no_classes_is_refused() {
        let levels = Tensor::zeros((1, 1, 1, 1), DType::U32, &Device::Cpu).unwrap();
        let error = class_log_likelihoods(&Coins(vec![0.5]), &levels).unwrap_err();
        assert!(error.to_string().contains("conditioning"), "{error}");
    }
}
