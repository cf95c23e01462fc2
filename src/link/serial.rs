//! Serial ports.

use std::io;

use tokio_serial::{
    DataBits, ErrorKind, SerialPort, SerialPortBuilder, SerialPortBuilderExt, SerialStream, StopBits,
};

use super::{Link, LinkError, Rate};
use crate::domain::Parity;

/// Opens a port for this process alone.
pub(super) fn open(device: &str, rate: Rate) -> Result<Link, LinkError> {
    let port = settings(device, rate).open_native_async();
    port.map(Link::Serial).map_err(|source| {
        let reason = match source.kind() {
            ErrorKind::NoDevice => "it is in use by another program, or gone",
            ErrorKind::Io(io::ErrorKind::NotFound) => "there is no such device: is the adapter plugged in?",
            ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                "no right to use it: the user must be in the group that owns the device, often dialout"
            }
            _ => "it cannot be used as a serial port",
        };
        LinkError::OpenSerial { device: device.to_owned(), reason, source }
    })
}

/// Sets an open port to another rate. It takes the settings without telling whether the hardware can; a rate that is
/// not there shows as silence.
pub(super) fn tune(port: &mut SerialStream, rate: Rate) -> Result<(), LinkError> {
    port.set_baud_rate(rate.baud)
        .and_then(|()| port.set_parity(parity(rate)))
        .map_err(|error| LinkError::Failed(io::Error::other(error)))
}

/// Eight data bits, one stop bit. [645-2007 1]
fn settings(device: &str, rate: Rate) -> SerialPortBuilder {
    tokio_serial::new(device, rate.baud)
        .data_bits(DataBits::Eight)
        .parity(parity(rate))
        .stop_bits(StopBits::One)
}

const fn parity(rate: Rate) -> tokio_serial::Parity {
    match rate.parity {
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
        Parity::None => tokio_serial::Parity::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_set_as_the_line_is() {
        // What a pseudo-terminal drops is seen in the settings handed over.
        let set = format!("{:?}", settings("/dev/ttyUSB0", Rate { baud: 1200, parity: Parity::Odd }));
        for word in ["/dev/ttyUSB0", "1200", "Eight", "Odd", "One"] {
            assert!(set.contains(word), "{word} is not in {set}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_not_there_is_told_plainly() {
        let error = open("/dev/no-such-port", Rate { baud: 2400, parity: Parity::Even }).unwrap_err();
        assert_eq!(error.kind(), "open_serial");
        assert!(error.to_string().contains("is the adapter plugged in?"), "{error}");
    }
}
