//! Von Mises: the Normal of the circle.

use super::parameters::family;
use super::special::{bessel_i0_scaled, bessel_i1_scaled};

family! {
    /// Von Mises distribution on the circle, with density `exp(concentration cos(x - location)) / (2 π I0(concentration))`.
    VonMises, "von_mises" {
        /// Location in radians, taken modulo 2 π.
        location: Finite,
        /// Concentration; 0 is the uniform distribution on the circle.
        concentration: NonNegative,
    }
}

impl VonMises {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(I0(κ_q) / I0(κ_p)) + (I1(κ_p) / I0(κ_p)) (κ_p - κ_q cos(location_p - location_q))`, concentrations κ.
    ///
    /// For two concentrations that are nearly equal the result has an absolute rather than a relative accuracy, of
    /// about 1e-15.
    ///
    /// Source: Kitagawa and Rowley, *von Mises-Fisher distributions and their statistical divergence* (2022), for the
    /// circle.
    pub fn kl_divergence(&self, q: &Self) -> f64 {
        let (kp, kq) = (self.concentration, q.concentration);
        let i0 = bessel_i0_scaled(kp);
        // Scaled by exp(-κ), the linear growth of ln I0 and A - 1 take the place of ln I0 and A = I1 / I0.
        let concentrations = if kp == kq {
            0.0
        } else {
            let slope = if i0 > 0.0 { (bessel_i1_scaled(kp) - i0) / i0 } else { 0.0 };
            (bessel_i0_scaled(kq).ln() - i0.ln() - (kq - kp) * slope).max(0.0)
        };
        let half_angle = (0.5 * (self.location - q.location)).sin();
        let mean_resultant = bessel_i1_scaled(kp) / i0;
        concentrations + 2.0 * mean_resultant * kq * half_angle * half_angle
    }
}
